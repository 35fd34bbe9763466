"use strict";
// Draws the API, and lets whoever reads it sign in by the authorization code flow with PKCE.
const { issuer, client, scopes } = document.getElementById("docs").dataset;

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
