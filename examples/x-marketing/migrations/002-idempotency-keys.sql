create table idempotency_keys (
  key text primary key,
  -- SHA-256 of the request: the same key with another request is refused.
  fingerprint text not null,
  -- Null only inside the transaction that does the work.
  response json, -- not jsonb: a replayed answer is the first one to the letter
  created_at timestamptz not null default clock_timestamp()
);

create index idempotency_keys_by_age on idempotency_keys (created_at);
