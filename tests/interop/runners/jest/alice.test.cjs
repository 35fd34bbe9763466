const { startCloakroom } = require("../cloakroom.cjs");

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

test("an expired token is refused", async () => {
  const expired = await server.token({ as: "alice", situation: "expired" });
  expect((await server.request(expired, "GET", "/users/me")).status).toBe(401);
});
