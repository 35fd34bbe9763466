-- Indexes for the filters of the trail. Other filters narrow a part of bounded size.
CREATE INDEX audit_by_request_id ON audit (request_id, id) WHERE request_id IS NOT NULL;
CREATE INDEX audit_by_address ON audit (address, id) WHERE address IS NOT NULL;
CREATE INDEX audit_by_client_id ON audit (client_id, id) WHERE client_id IS NOT NULL;
CREATE INDEX audit_by_reason ON audit (reason, id) WHERE reason IS NOT NULL;
CREATE INDEX audit_by_action ON audit (action, id);
-- Party that can lengthen the list of revocations by its own requests: `user:<id>` or `client:<id>`.
ALTER TABLE revocations ADD COLUMN owner TEXT;
CREATE INDEX revocations_by_owner ON revocations (owner, seq) WHERE owner IS NOT NULL;
CREATE INDEX client_secrets_by_expires_at ON client_secrets (expires_at) WHERE expires_at IS NOT NULL;
