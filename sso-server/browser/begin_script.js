// Passport in the page of an app: sso.js, as a script of its own. docs/in-page.md says how to use it.
(() => {
"use strict";
const script = document.currentScript;
const from = script.src;
