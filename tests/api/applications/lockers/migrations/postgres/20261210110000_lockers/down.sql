DROP TABLE locker_keys;
DROP TABLE lockers;
