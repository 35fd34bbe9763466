// Starts a test server of its own for each caller: for each file of tests, or for each worker.
const { spawn } = require("node:child_process");
const { once } = require("node:events");
const { createInterface } = require("node:readline");

async function startCloakroom() {
  const options = ["serve", "--test", "--json", "--listen", "127.0.0.1:0", "--exit-with-parent", "--rust-log", "warn"];
  const server = spawn("cloakroom", options, { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(server, "exit");
  const first = await Promise.race([once(createInterface(server.stdout), "line"), exited.then(() => [])]);
  if (first.length === 0) throw new Error("cloakroom did not start");
  const { url, seeds } = JSON.parse(first[0]);

  const request = (token, method, path, body) =>
    fetch(url + path, {
      method,
      headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
      body: body && JSON.stringify(body),
    });
  return {
    url,
    id: (name) => seeds.users.find((user) => user.email.startsWith(`${name}@`)).id,
    token: async (order) => (await (await request(null, "POST", "/test/token", order)).json()).token,
    request,
    reset: () => request(null, "POST", "/test/reset"),
    stop: async () => {
      server.kill();
      await exited;
    },
  };
}

module.exports = { startCloakroom };
