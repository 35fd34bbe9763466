-- Network of the address at which a session began: an IPv4 address, or the first 64 bits of an IPv6 address.
ALTER TABLE sessions ADD COLUMN network TEXT;
