import json, subprocess, pytest, requests

@pytest.fixture(scope="session")  # with xdist, a session is a worker: each has a server of its own
def server():
    options = ["serve", "--test", "--json", "--listen", "127.0.0.1:0", "--exit-with-parent", "--rust-log", "warn"]
    process = subprocess.Popen(["cloakroom", *options], stdout=subprocess.PIPE)
    yield json.loads(process.stdout.readline())
    process.terminate()
    process.wait()

@pytest.fixture
def log_in(server):
    requests.post(server["url"] + "/test/reset").raise_for_status()
    def log_in(name):
        user = next(user for user in server["seeds"]["users"] if user["email"].startswith(name))
        made = requests.post(server["url"] + "/test/token", json={"as": user["id"]})
        session = requests.Session()
        session.headers["authorization"] = "Bearer " + made.json()["token"]
        return session, server["url"] + "/users/" + user["id"]
    return log_in
