// How it looks: --passport-accent, --passport-on-accent, --passport-ground, --passport-ink,
// --passport-radius, --passport-font. Beyond these, an app's rules win when they name the element as
// well: `a.passport-button`.
const LOOKS = `
.passport-button{display:inline-flex;align-items:center;justify-content:center;gap:.6em;box-sizing:border-box;min-height:2.75rem;
padding:.5rem 1.1rem;border:1px solid transparent;border-radius:var(--passport-radius,9px);background:var(--passport-accent,#2f55cf);
color:var(--passport-on-accent,#fff);font:600 1rem/1.2 var(--passport-font,system-ui,sans-serif);text-decoration:none;cursor:pointer}
.passport-button[data-passport]::before{content:"";width:1.35em;height:.8em;background:radial-gradient(circle at .4em,#0000 .23em,currentcolor .25em .37em,#0000 .4em),
linear-gradient(currentcolor 0 0) 100%/.6em .13em no-repeat,linear-gradient(currentcolor 0 0) 80% 90%/.13em .35em no-repeat,linear-gradient(currentcolor 0 0) 100% 80%/.13em .28em no-repeat}
.passport-button:hover{filter:brightness(1.1)}
.passport-button[aria-busy=true]{opacity:.7;cursor:progress}
.passport-button.plain{background:0 0;color:inherit;border-color:currentcolor}
.passport-button:focus-visible{outline:3px solid var(--passport-accent,#2f55cf);outline-offset:3px}
.passport-card{box-sizing:border-box;padding:1.5rem;border:1px solid rgb(128 128 128/35%);border-radius:14px;background:var(--passport-ground,Canvas);color:var(--passport-ink,CanvasText);
font:1rem/1.45 var(--passport-font,system-ui,sans-serif);box-shadow:0 12px 40px rgb(0 0 0/30%)}
.passport-card h2{margin:0 0 .4rem;font-size:1.2em;line-height:1.3}
.passport-card p{margin:0 0 1.1rem}
.passport-card div{display:flex;flex-wrap:wrap;gap:.6rem}
iframe.passport-frame{display:none}
#passport-over{width:calc(100% - 2.5rem);max-width:26rem}
#passport-offer,#passport-away{position:fixed;z-index:2147483646}
#passport-offer{top:1rem;inset-inline-end:1rem;width:22rem}
#passport-away{bottom:0;inset-inline:0;margin:0;border-radius:0;text-align:center}
@media(max-width:30rem){#passport-offer{top:auto;bottom:1rem;inset-inline:1rem;width:auto}}
@media(forced-colors:active){.passport-button{border-color:ButtonText}}`;
// A sheet of our own: an app's policy against inline style does not concern it.
if ("adoptedStyleSheets" in document) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(LOOKS);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}
