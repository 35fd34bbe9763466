import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { startCloakroom } from "../cloakroom.cjs";

let server;
before(async () => {
  server = await startCloakroom();
});
after(() => server.stop());
beforeEach(() => server.reset());

test("Alice cannot delete Bob", async () => {
  const alice = await server.token({ as: "alice" });
  const refused = await server.request(alice, "DELETE", `/users/${server.id("bob")}`);
  assert.equal(refused.status, 403);
});
