import type { State } from "@madang/client";
import { expect, it } from "vitest";
import { ME, user } from "../test/fixtures";
import { peopleHere } from "./usePresence";

const online = new Set(["minji"]);
const at = (connection: State["connection"]) => [...peopleHere({ connection, me: user(ME), online })];

it("counts oneself among those who are here", () => {
  expect(at({ status: "online" })).toEqual(["minji", ME]);
});

it("claims nothing about anybody while the connection is away", () => {
  expect(at({ status: "reconnecting", attempt: 1, since: 0 })).toEqual([]);
  expect(at({ status: "connecting" })).toEqual([]);
});
