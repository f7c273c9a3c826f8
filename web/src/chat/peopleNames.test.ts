import { expect, it, vi } from "vitest";
import { user } from "../test/fixtures";
import { PeopleNames } from "./peopleNames";

it("asks once for each person and tells when a name has come", async () => {
  const ask = vi.fn(async (id: string) => user(id, `name of ${id}`));
  const names = new PeopleNames(ask);
  const listener = vi.fn();
  names.subscribe(listener);
  names.want("a");
  names.want("a");
  await vi.waitFor(() => expect(listener).toHaveBeenCalledTimes(1));
  expect(names.getSnapshot().get("a")).toBe("name of a");
  names.want("a");
  expect(ask).toHaveBeenCalledTimes(1);
});

it("leaves whoever cannot be found without a name", async () => {
  const ask = vi.fn(async () => Promise.reject(new Error("not found")));
  const names = new PeopleNames(ask);
  names.want("gone");
  await vi.waitFor(() => expect(ask).toHaveBeenCalledTimes(1));
  expect(names.getSnapshot().size).toBe(0);
});
