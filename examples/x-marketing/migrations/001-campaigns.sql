create table campaigns (
  id uuid primary key default gen_random_uuid(),
  name text not null check (name ~ '\S'),
  budget_cents bigint not null check (budget_cents between 0 and 9007199254740991),
  starts_at timestamptz(3),
  ends_at timestamptz(3),
  -- Milliseconds, so that a cursor made of a JavaScript Date names the row exactly.
  created_at timestamptz(3) not null default clock_timestamp(),
  check (ends_at > starts_at)
);

create index campaigns_newest_first on campaigns (created_at desc, id desc);
