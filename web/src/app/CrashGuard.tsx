/** Catches an error of rendering and offers the way out; without it React would leave a blank page. */
import i18next from "i18next";
import { Component, type ReactNode } from "react";
import { Button } from "../ui/Button";

export class CrashGuard extends Component<{ children: ReactNode }, { crashed: boolean }> {
  override readonly state = { crashed: false };

  static getDerivedStateFromError(): { crashed: boolean } {
    return { crashed: true };
  }

  override render(): ReactNode {
    if (!this.state.crashed) return this.props.children;
    return (
      <main className="grid h-full place-items-center p-6 text-center" role="alert">
        <div className="space-y-4">
          <p>{i18next.t("app.crashed")}</p>
          <Button onClick={() => location.reload()}>{i18next.t("app.reload")}</Button>
        </div>
      </main>
    );
  }
}
