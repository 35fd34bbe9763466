import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startCloakroom } from "../cloakroom.cjs";

let server;
beforeAll(async () => {
  server = await startCloakroom();
});
afterAll(() => server.stop());
beforeEach(() => server.reset());

test("Alice cannot delete Bob", async () => {
  const alice = await server.token({ as: "alice" });
  const refused = await server.request(alice, "DELETE", `/users/${server.id("bob")}`);
  expect(refused.status).toBe(403);
});
