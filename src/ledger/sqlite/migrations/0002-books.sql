-- Every wallet that this ledger was ever used with, by the operator's name for it.
CREATE TABLE wallet (
  name TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  -- Where its stream of settlements is resumed; NULL before the first one, and where it cannot be resumed.
  cursor TEXT,
  first_seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The books: one row for each payment that a wallet says it has received, and one for each redeemed payment that the
-- ledger has otherwise forgotten. Kept for good.
CREATE TABLE settlement (
  number INTEGER PRIMARY KEY,
  payment_hash BLOB NOT NULL UNIQUE CHECK (length(payment_hash) = 32),
  wallet TEXT NOT NULL,
  -- NULL: the wallet does not say.
  received_msat INTEGER,
  -- When the money came, Unix ms; for a payment that no wallet has confirmed, when its proof was presented.
  settled_at INTEGER NOT NULL,
  -- 1: the wallet says so. 0: only the preimage that was presented did.
  confirmed INTEGER NOT NULL DEFAULT 1,
  -- NULL: not presented yet, and made by an earlier process or by another program that uses the same wallet.
  service TEXT,
  -- What was asked for; NULL as above.
  price_msat INTEGER,
  -- When it was presented for the first time, Unix ms.
  redeemed_at INTEGER
) STRICT;

CREATE INDEX settlement_settled_at ON settlement (settled_at);
CREATE INDEX settlement_unredeemed ON settlement (number) WHERE redeemed_at IS NULL;

-- Open invoices of wallets that do not tell by themselves what was paid while nobody listened, written when a process
-- ends in order and read by the next one. What a wallet needs to find an invoice again is in no token.
CREATE TABLE kept_invoice (
  payment_hash BLOB PRIMARY KEY CHECK (length(payment_hash) = 32),
  wallet TEXT NOT NULL,
  ref TEXT NOT NULL,
  service TEXT NOT NULL,
  price_msat INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A payment and its settlement come in either order. Whichever is second tells the other what it knows, so that the
-- wallet named by a payment is the one that took the money, whoever wrote it down first.
CREATE TRIGGER payment_after_settlement AFTER INSERT ON payment
WHEN EXISTS (SELECT 1 FROM settlement WHERE payment_hash = NEW.hash)
BEGIN
  UPDATE payment SET
    wallet = (SELECT wallet FROM settlement WHERE payment_hash = NEW.hash),
    received_msat = coalesce((SELECT received_msat FROM settlement WHERE payment_hash = NEW.hash), received_msat)
  WHERE number = NEW.number;
  UPDATE settlement SET service = NEW.service, price_msat = NEW.price_msat, redeemed_at = NEW.created_at
  WHERE payment_hash = NEW.hash;
END;

CREATE TRIGGER settlement_after_payment AFTER INSERT ON settlement
WHEN NEW.confirmed = 1 AND EXISTS (SELECT 1 FROM payment WHERE hash = NEW.payment_hash)
BEGIN
  UPDATE payment SET wallet = NEW.wallet, received_msat = coalesce(NEW.received_msat, received_msat)
  WHERE hash = NEW.payment_hash;
  UPDATE settlement SET
    service = (SELECT service FROM payment WHERE hash = NEW.payment_hash),
    price_msat = (SELECT price_msat FROM payment WHERE hash = NEW.payment_hash),
    redeemed_at = (SELECT created_at FROM payment WHERE hash = NEW.payment_hash)
  WHERE number = NEW.number;
END;

-- What the ledger forgets stays in the books.
CREATE TRIGGER payment_into_books BEFORE DELETE ON payment
WHEN OLD.state = 'settled'
BEGIN
  INSERT INTO settlement (payment_hash, wallet, received_msat, settled_at, confirmed, service, price_msat, redeemed_at)
  VALUES (OLD.hash, OLD.wallet, OLD.received_msat, OLD.created_at, 0, OLD.service, OLD.price_msat, OLD.created_at)
  ON CONFLICT (payment_hash) DO UPDATE SET
    service = excluded.service, price_msat = excluded.price_msat, redeemed_at = excluded.redeemed_at;
END;
