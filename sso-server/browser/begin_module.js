// Passport in the page of an app: sso.mjs, as a module. Options come in its address:
//   import passport from "https://sso.example/sso.mjs?app=aw";
const script = null;
const from = import.meta.url;
