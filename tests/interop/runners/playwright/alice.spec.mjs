import { expect, test as base } from "@playwright/test";
import { startCloakroom } from "../cloakroom.cjs";

const test = base.extend({
  server: [
    async ({}, use) => {
      const server = await startCloakroom();
      await use(server);
      await server.stop();
    },
    { scope: "worker" },
  ],
});
test.beforeEach(({ server }) => server.reset());

test("Alice cannot delete Bob", async ({ server, request }) => {
  const headers = { authorization: `Bearer ${await server.token({ as: "alice" })}` };
  const refused = await request.delete(`${server.url}/users/${server.id("bob")}`, { headers });
  expect(refused.status()).toBe(403);
});

test("the documentation is shown", async ({ server, page }) => {
  await page.goto(`${server.url}/docs`);
  await expect(page).toHaveTitle(/cloakroom/i);
});
