/** Start of the page: words, colours, the client, then React. The only place that names concrete parts. */
import { createClient } from "@madang/client";
import { MadangProvider } from "@madang/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Router } from "wouter";
import { App } from "./app/App";
import { basePathOf } from "./app/basePath";
import { CrashGuard } from "./app/CrashGuard";
import { applyTheme, storedTheme } from "./features/account/appearance";
import { startTranslations, storedLanguage } from "./i18n/i18n";
import "./styles/base.css";

const basePath = basePathOf(document.baseURI);
applyTheme(storedTheme());
startTranslations(storedLanguage());

const client = createClient({ url: location.origin + basePath });
void client.start();

const root = document.getElementById("root");
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <CrashGuard>
        <Router base={basePath}>
          <MadangProvider client={client}>
            <App storage={localStorage} />
          </MadangProvider>
        </Router>
      </CrashGuard>
    </StrictMode>,
  );
}
