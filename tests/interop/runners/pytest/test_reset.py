import requests

def test_a_mailed_link_sets_a_new_password(server, log_in):
    url = server["url"]
    requests.post(url + "/password-resets", json={"email": "alice@example.com"})
    mail = requests.get(url + "/test/mail", params={"to": "alice@example.com", "wait": "5s"}).json()["items"][-1]
    requests.post(url + "/password-resets/redeem", json={"token": mail["links"][0].split("token=")[1], "new_password": "an even stranger passphrase"}).raise_for_status()
