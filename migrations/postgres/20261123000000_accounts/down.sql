DROP TABLE revocations;
DROP TABLE signing_keys;
DROP TABLE clients;
DROP TABLE sessions;
DROP TABLE user_roles;
DROP TABLE users;
