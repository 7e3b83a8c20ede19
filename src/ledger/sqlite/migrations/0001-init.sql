-- What the ledger is and how far it has forgotten.
CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row for each payment that was ever presented (or held). The key is the payment hash, which names the money:
-- one invoice is one spend, however its token is spelled. It is also the only random key: every other table appends,
-- so that a commit touches few pages.
CREATE TABLE payment (
  number INTEGER PRIMARY KEY,
  hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
  token_id BLOB NOT NULL CHECK (length(token_id) = 32),
  service TEXT NOT NULL,
  wallet TEXT NOT NULL,
  scheme TEXT NOT NULL DEFAULT 'L402',
  price_msat INTEGER NOT NULL CHECK (price_msat > 0),
  -- What the wallet says arrived; NULL until it was asked.
  received_msat INTEGER,
  -- Price lines as JSON, without any text of the buyer's.
  quote TEXT NOT NULL,
  state TEXT NOT NULL
    CHECK (state IN ('settled', 'held', 'settling', 'cancelling', 'cancelled', 'revoked', 'refunded')),
  -- Unix seconds: the minted valid_until. Gates only the first claim.
  minted_expiry INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  -- The operator's word on a refund.
  refund_note TEXT,
  refund_closed_at INTEGER
) STRICT;

CREATE INDEX payment_withdrawn ON payment (state) WHERE state IN ('revoked', 'refunded');

-- Payments that were revoked before they were presented: they get a row of `payment` when they are.
CREATE TABLE revocation (
  hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
  revoked_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The work done for a payment, under the payment's number: at most one, since a payment is for single use.
CREATE TABLE job (
  number INTEGER PRIMARY KEY REFERENCES payment (number),
  -- What it is called outside. Whoever asks for it by this name brings the payment hash too.
  id BLOB NOT NULL CHECK (length(id) = 16),
  -- What "the same request" is; replaced by a rebind.
  request_hash BLOB NOT NULL CHECK (length(request_hash) = 32),
  rev TEXT NOT NULL,
  rebound INTEGER NOT NULL DEFAULT 0,
  state TEXT NOT NULL CHECK (state IN ('running', 'captured', 'retryable', 'refused', 'given_up')),
  -- Fences: every write of a run says WHERE epoch = ?.
  epoch INTEGER NOT NULL,
  generation INTEGER NOT NULL DEFAULT 0,
  attempts INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0,
  retry_at INTEGER NOT NULL DEFAULT 0,
  last_code TEXT,
  shown INTEGER NOT NULL DEFAULT 0,
  salt BLOB NOT NULL CHECK (length(salt) = 16),
  -- Where an asynchronous upstream keeps the work of this generation, sealed.
  upstream_ref BLOB,
  -- The request itself, sealed: of asynchronous and held jobs only, and until there is a result.
  sealed_request BLOB,
  result_ttl INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  finished_at INTEGER,
  keep_until INTEGER,
  result_bytes INTEGER,
  first_delivered_at INTEGER,
  pruned INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX job_keep_until ON job (keep_until) WHERE keep_until IS NOT NULL AND pruned = 0;
CREATE INDEX job_unfinished ON job (state) WHERE state <> 'captured';

-- A stored answer in sealed pieces. Frame 0 is the head.
CREATE TABLE frame (
  job INTEGER NOT NULL REFERENCES job (number),
  epoch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('head', 'data', 'trailer')),
  sealed BLOB NOT NULL,
  PRIMARY KEY (job, epoch, seq)
) STRICT;

-- Open challenges whose payment would be held until the work is done.
CREATE TABLE offer (
  hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
  token_id BLOB NOT NULL CHECK (length(token_id) = 32),
  key_id INTEGER NOT NULL,
  service TEXT NOT NULL,
  rev TEXT NOT NULL,
  wallet TEXT NOT NULL,
  price_msat INTEGER NOT NULL CHECK (price_msat > 0),
  quote TEXT NOT NULL,
  request_hash BLOB NOT NULL CHECK (length(request_hash) = 32),
  sealed_request BLOB NOT NULL,
  client TEXT NOT NULL,
  minted_expiry INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Every definition that a living token may have been sold under.
CREATE TABLE service_revision (
  rev TEXT PRIMARY KEY,
  definition TEXT NOT NULL,
  -- Unix seconds: no token sold under it lives longer.
  last_sold_until INTEGER NOT NULL,
  -- Counts the saves: the highest of a name is the one that was on sale last.
  saved INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
