/** Turns what a call rejected with, or an error code of the contract, into words for the reader. */
import { ApiError } from "@madang/client";
import type { TFunction } from "i18next";
import en from "../i18n/en.json";

type ErrorKey = keyof typeof en.errors;

function isErrorKey(code: string): code is ErrorKey {
  return Object.hasOwn(en.errors, code);
}

/** The contract's code of an error; `unknown` for anything that is not one. */
export function errorCode(error: unknown): string {
  return error instanceof ApiError ? error.code : "unknown";
}

export function codeWords(t: TFunction, code: string): string {
  return t(isErrorKey(code) ? `errors.${code}` : "errors.unknown");
}

export function errorWords(t: TFunction, error: unknown): string {
  return codeWords(t, errorCode(error));
}
