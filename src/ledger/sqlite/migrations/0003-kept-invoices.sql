-- Until when an invoice takes one of the places for open ones, and until when a token that was sold with it may be
-- presented for the first time; both Unix ms.
ALTER TABLE kept_invoice ADD COLUMN place_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE kept_invoice ADD COLUMN needed_until INTEGER NOT NULL DEFAULT 0;
-- How long the tokens of those that are kept already live is not known; none lives longer than a year.
UPDATE kept_invoice SET place_until = expires_at, needed_until = expires_at + 31622400000;

CREATE INDEX kept_invoice_needed_until ON kept_invoice (needed_until);

-- A payment that stands in the books need not be asked for.
CREATE TRIGGER kept_invoice_settled AFTER INSERT ON settlement
BEGIN
  DELETE FROM kept_invoice WHERE payment_hash = NEW.payment_hash;
END;
