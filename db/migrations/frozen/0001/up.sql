-- The old layout: created where it is missing, taken over where a live database has it.
--
-- What was found, moved or renamed is written to hubspot_sync.adoption, so that the downgrade
-- undoes exactly that and never drops a table this migration did not create.

create table hubspot_sync.adoption (
  object text not null,
  action text not null check (action in ('created', 'moved', 'renamed')),
  detail text,
  constraint adoption_pkey primary key (object, action)
);
comment on table hubspot_sync.adoption is
  'What the first migration created, moved from public or renamed; read by its downgrade.';

do $$
declare
  v_role text;
  v_table text;
  v_column record;
  v_foreign_owner text;
begin
  -- Supabase has these roles. Elsewhere they are made without BYPASSRLS, and never dropped:
  -- other databases of the cluster may use them.
  foreach v_role in array array['anon', 'authenticated', 'service_role'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = v_role) then
      begin
        execute format('create role %I nologin noinherit', v_role);
      exception when duplicate_object or unique_violation then
        null;  -- another migration of this cluster was faster
      end;
    end if;
  end loop;

  foreach v_table in array array[
    'hubspot_mock_exams', 'hubspot_contact_credits', 'hubspot_bookings'
  ] loop
    if to_regclass('hubspot_sync.' || v_table) is not null then
      continue;
    elsif to_regclass('public.' || v_table) is not null then
      execute format('alter table public.%I set schema hubspot_sync', v_table);
      insert into hubspot_sync.adoption values (v_table, 'moved', 'public');
    else
      insert into hubspot_sync.adoption values (v_table, 'created', null);
    end if;
  end loop;

  -- A definer function whose owner does not own the tables sees no rows under row level
  -- security, silently. So: one owner, or nothing.
  select string_agg(format('%I belongs to %I', c.relname, r.rolname), ', ')
    into v_foreign_owner
    from pg_catalog.pg_class c
    join pg_catalog.pg_roles r on r.oid = c.relowner
   where c.relnamespace = 'hubspot_sync'::regnamespace
     and c.relkind = 'r'
     and r.rolname <> current_user;
  if v_foreign_owner is not null then
    raise exception 'every table must belong to %, but %', current_user, v_foreign_owner
      using errcode = '42501',
            hint = format('Run «alter table … owner to %I» for each, then migrate again.',
                          current_user);
  end if;

  -- Some databases call the two link columns of a booking by longer names.
  for v_column in
    select *
      from (values ('associated_contact_id', 'contact_id'),
                   ('associated_mock_exam', 'mock_exam_id')) as c (old_name, new_name)
     where exists (select from pg_catalog.pg_attribute
                    where attrelid = to_regclass('hubspot_sync.hubspot_bookings')
                      and attname = c.old_name and not attisdropped)
       and not exists (select from pg_catalog.pg_attribute
                        where attrelid = to_regclass('hubspot_sync.hubspot_bookings')
                          and attname = c.new_name and not attisdropped)
  loop
    execute format('alter table hubspot_sync.hubspot_bookings rename column %I to %I',
                   v_column.old_name, v_column.new_name);
    insert into hubspot_sync.adoption
    values ('hubspot_bookings.' || v_column.new_name, 'renamed', v_column.old_name);
  end loop;
end
$$;

create table if not exists hubspot_sync.hubspot_mock_exams (
  id uuid primary key default gen_random_uuid(),
  hubspot_id text unique not null,
  mock_exam_name text,
  mock_type text,
  exam_date date,
  start_time text,
  end_time text,
  location text,
  capacity integer,
  total_bookings integer default 0,
  is_active text,
  created_at timestamp,
  updated_at timestamp,
  synced_at timestamp default now()
);
create index if not exists idx_exams_active on hubspot_sync.hubspot_mock_exams (is_active);
create index if not exists idx_exams_date on hubspot_sync.hubspot_mock_exams (exam_date);

create table if not exists hubspot_sync.hubspot_contact_credits (
  id uuid primary key default gen_random_uuid(),
  hubspot_id text unique not null,
  student_id text not null,
  email text not null,
  firstname text,
  lastname text,
  sj_credits integer default 0,
  cs_credits integer default 0,
  sjmini_credits integer default 0,
  shared_mock_credits integer default 0,
  created_at timestamp,
  updated_at timestamp,
  synced_at timestamp default now(),
  constraint unique_student_email unique (student_id, email)
);
create index if not exists idx_email on hubspot_sync.hubspot_contact_credits (email);
create index if not exists idx_synced_at on hubspot_sync.hubspot_contact_credits (synced_at);

create table if not exists hubspot_sync.hubspot_bookings (
  id uuid primary key default gen_random_uuid(),
  hubspot_id text unique not null,
  booking_id text,
  mock_exam_id text,
  contact_id text,
  student_id text,
  student_name text,
  student_email text,
  booking_status text,
  is_active text,
  attendance text,
  attending_location text,
  exam_date timestamp,
  dominant_hand text,
  token_used text,
  idempotency_key text,
  created_at timestamp,
  updated_at timestamp,
  synced_at timestamp default now()
);
create unique index if not exists hubspot_bookings_idempotency_key_key
  on hubspot_sync.hubspot_bookings (idempotency_key);
create index if not exists idx_bookings_contact_id on hubspot_sync.hubspot_bookings (contact_id);
create index if not exists idx_bookings_exam_id on hubspot_sync.hubspot_bookings (mock_exam_id);

alter table hubspot_sync.adoption enable row level security;
alter table hubspot_sync.alembic_version enable row level security;
alter table hubspot_sync.hubspot_mock_exams enable row level security;
alter table hubspot_sync.hubspot_contact_credits enable row level security;
alter table hubspot_sync.hubspot_bookings enable row level security;
