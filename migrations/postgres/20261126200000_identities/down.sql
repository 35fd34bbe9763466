DROP TABLE departed_identities;
DROP TABLE identities;
