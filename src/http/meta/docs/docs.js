"use strict";
// Draws the API, and lets the reader sign in by the authorization code flow with PKCE.
const { issuer, client, scopes } = document.getElementById("docs").dataset;

// Swagger UI draws itself dark when the page has this class.
const dark = matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", paint);
paint();

// Gives what Swagger UI draws the names and the keyboard that it lacks.
function mend(root) {
  for (const control of root.querySelectorAll("select:not([aria-label]), textarea:not([aria-label])")) {
    const row = control.closest("tr[data-param-name]");
    const isBody = control.closest(".body-param, .opblock-section-request-body");
    const name = row?.dataset.paramName ?? (isBody ? "Request body" : "Response");
    control.setAttribute("aria-label", control.id === "servers" ? "Server" : name);
  }
  for (const table of root.querySelectorAll("table[role=region]")) {
    table.setAttribute("aria-label", `Responses of ${table.closest(".opblock").id.split("-").at(-1)}`);
  }
  // The first heading is that of the document. No level is left out below it.
  for (const heading of root.querySelectorAll("h3, h4, h5, .scopes h2")) {
    heading.setAttribute("aria-level", heading.matches("h2") ? 4 : Number(heading.tagName[1]) - 1);
  }
  for (const code of root.querySelectorAll(".microlight")) code.tabIndex = 0;
  for (const button of root.querySelectorAll(".close-modal")) button.setAttribute("aria-label", "Close");
  // A link inside of the button that opens an operation: the button sets the address too.
  for (const link of root.querySelectorAll("button a[href]")) link.removeAttribute("href");
}
const drawn = document.getElementById("docs");
new MutationObserver(() => mend(drawn)).observe(drawn, { childList: true, subtree: true });

// A person signs in by the authorization code flow. The other ways are for programs, and the browser sends a cookie by
// itself: no form is needed for them.
function forPeople(text) {
  const api = JSON.parse(text);
  const { bearer } = api.components.securitySchemes;
  delete bearer.flows?.clientCredentials;
  api.components.securitySchemes = { bearer };
  for (const path of Object.values(api.paths)) {
    for (const operation of Object.values(path)) {
      operation.security = operation.security?.filter((way) => way.bearer || Object.keys(way).length === 0);
    }
  }
  return JSON.stringify(api);
}

let isLoaded = false;
const docs = SwaggerUIBundle({
  dom_id: "#docs",
  url: "openapi.json",
  oauth2RedirectUrl: `${issuer}/docs/oauth2-redirect.html`,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  showExtensions: true,
  tryItOutEnabled: true,
  responseInterceptor(response) {
    // The first response is the document. Later ones answer the person who tries the API.
    if (!isLoaded && response.ok) response.text = forPeople(response.text);
    isLoaded = true;
    return response;
  },
  // Nobody else is asked whether the document is a good one.
  validatorUrl: null,
});

if (client) {
  docs.initOAuth({ clientId: client, scopes: scopes.split(" "), usePkceWithAuthorizationCodeGrant: true });
}

if (new URL(issuer).origin !== location.origin) {
  const elsewhere = document.getElementById("elsewhere");
  const link = elsewhere.querySelector("a");
  link.href = `${issuer}/docs`;
  link.textContent = issuer;
  elsewhere.hidden = false;
}
