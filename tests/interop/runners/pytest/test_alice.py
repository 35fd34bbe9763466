def test_alice_cannot_delete_bob(log_in):
    (alice, _), (bob, bobs) = log_in("alice"), log_in("bob")
    assert alice.delete(bobs).status_code == 403 and bob.get(bobs).status_code == 200

def test_alice_reads_herself(log_in):
    alice, path = log_in("alice")
    assert alice.get(path).json()["email"] == "alice@example.com"
