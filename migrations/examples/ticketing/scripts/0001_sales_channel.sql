-- A column with a constant default: no row is rewritten, the lock is held for a moment only.
ALTER TABLE tickets ADD COLUMN channel text NOT NULL DEFAULT 'web';
