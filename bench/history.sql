-- Years of business: as many bookings as the setting bench.bookings says, into an empty database.
--
-- For 1,000,000: 50,000 contacts, 11,000 past exams and 1,000 of the next 250 days. Nine bookings
-- in ten are past, an eighth of these cancelled; what is ahead is the same 1,000 exams for any
-- number, as a business grows a history and not a future. Some exams are full, some closed, some
-- students have hundreds of bookings, most a few; the last exam's bookings are still to be
-- completed, and the newest 1,000 bookings to be sent to HubSpot.
--
-- Written past the triggers, in bulk; api.verify() must find nothing on it. Every random number
-- comes from one seed. Afterwards: vacuum analyze, which no transaction may contain.
set local session_replication_role = replica;
set local max_parallel_workers_per_gather = 0;
set local work_mem = '256MB';
set local maintenance_work_mem = '512MB';
set local jit = off;
select setseed(0.17);

create temp table sizes on commit drop as
  select b as bookings, b / 10 * 9 as past, b / 20 as contacts, b * 11 / 1000 as past_exams,
         1000 as future_exams
    from (select current_setting('bench.bookings')::integer) s (b);

-- Without most indexes the rows go in three times as fast.
create temp table dropped on commit drop as
  select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as definition
    from pg_index i
   where i.indrelid in ('hubspot_sync.hubspot_bookings'::regclass,
                        'hubspot_sync.credit_ledger'::regclass,
                        'hubspot_sync.supabase_audit_log'::regclass,
                        'hubspot_sync.sync_queue'::regclass)
     and not exists (select from pg_constraint c where c.conindid = i.indexrelid);
do $$
declare
  v_name text;
begin
  for v_name in select d.name from dropped d loop
    execute 'drop index ' || v_name;
  end loop;
end;
$$;

-- Exams: n counts from the oldest; those ahead are one of each type a day.
create temp table exams on commit drop as
  select e.n, gen_random_uuid() as id, (700000000 + e.n)::text as hubspot_id, e.day, e.closed,
         (array['Situational Judgment', 'Clinical Skills', 'Mini-mock', 'Mock Discussion'])[e.type]
           as mock_type,
         (array['sj_credits', 'cs_credits', 'sjmini_credits', 'mock_discussion_token'])[e.type]
           as credit,
         e.type <= 2 as shared
    from (select n,
                 current_date - 1 - (s.past_exams - n) * 1095 / s.past_exams as day,
                 n % 10 < 3 as closed,
                 case when n % 20 < 10 then 1 when n % 20 < 16 then 2 when n % 20 < 19 then 3
                      else 4 end as type
            from sizes s, generate_series(1, s.past_exams) n
          union all
          select s.past_exams + 1 + f, current_date + 1 + f / 4, f % 10 = 9, 1 + f % 4
            from sizes s, generate_series(0, s.future_exams - 1) f) e;
create unique index on exams (n);

-- In the order they were made. Ahead: the sooner the exam, the fuller, each student once.
create temp table bookings on commit drop as
  select b.*, gen_random_uuid() as id,
         'BK-' || to_char(b.created_at, 'YYYYMMDD') || '-' || lpad(upper(to_hex(b.n)), 6, '0')
           as booking_id,
         case when b.pays_shared and e.shared then 'shared_mock_credits' else e.credit end as credit
    from (select p.n, p.exam, p.contact,
                 case
                   when p.draw < 0.12 then 'Cancelled'
                   when p.exam = s.past_exams
                        and row_number() over (partition by p.exam, p.contact order by p.n) = 1
                     then 'Active'
                   else 'Completed'
                 end as status,
                 e.day - 1 - p.ahead as created_at, p.n % 10 = 0 as pays_shared
            from sizes s
           cross join (
             select n, ceil(z.past_exams * power(random(), 0.8))::integer as exam,
                    1 + floor(z.contacts * power(random(), 1.5))::integer as contact,
                    random() as draw, random() * interval '60 days' as ahead
               from sizes z, generate_series(1, z.past) n) p
            join exams e on e.n = p.exam
          union all
          select s.past + row_number() over (), s.past_exams + 1 + f,
                 1 + ((f * 7919 + j) * 104729::bigint % s.contacts)::integer,
                 case when j % 20 = 19 then 'Cancelled' else 'Active' end,
                 now() - random() * interval '40 days', j % 10 = 0
            from sizes s,
                 generate_series(0, s.future_exams - 1) f,
                 generate_series(0, (s.bookings - s.past) / 500 * (s.future_exams - f)
                                    / s.future_exams) j) b
    join exams e on e.n = b.exam
   order by b.created_at;
create temp table unsent on commit drop as
  select k.id from bookings k order by k.created_at desc limit 1000;
analyze exams, bookings, unsent;

insert into hubspot_sync.hubspot_mock_exams
  (id, hubspot_id, mock_exam_name, mock_type, mock_set, exam_date, start_time, end_time, location,
   capacity, total_bookings, is_active, starts_at, hubspot_last_sync_at)
select e.id, e.hubspot_id, e.mock_type || ' ' || e.n, e.mock_type, 'Set ' || e.n % 9, e.day, '09:00',
       '12:00', (array['London', 'Manchester', 'Online'])[1 + e.n % 3],
       coalesce(b.taken, 0) + e.n % 7 * 5, coalesce(b.taken, 0), (not e.closed)::text,
       hubspot_sync.exam_starts_at(e.day, '09:00'), now()
  from exams e
  left join (select k.exam, count(*) as taken from bookings k where k.status <> 'Cancelled'
              group by k.exam) b on b.exam = e.n;

insert into hubspot_sync.exam_seats (exam, capacity, taken, is_open)
select e.id, e.capacity, e.total_bookings, hubspot_sync.exam_is_active(e.is_active)
  from hubspot_sync.hubspot_mock_exams e;

-- Contacts have what they need for everything they booked, and a little more.
create temp table balances on commit drop as
  select c.n as contact, t.credit, (c.n + t.i) % t.spread as left_over,
         coalesce(b.spent, 0) as spent, coalesce(b.refunded, 0) as refunded
    from sizes s
   cross join generate_series(1, s.contacts) c (n)
   cross join (values ('sj_credits', 1, 4), ('cs_credits', 2, 3), ('sjmini_credits', 3, 2),
                      ('mock_discussion_token', 4, 2), ('shared_mock_credits', 5, 3))
           as t (credit, i, spread)
    left join (select k.contact, k.credit, count(*) as spent,
                      count(*) filter (where k.status = 'Cancelled') as refunded
                 from bookings k
                group by k.contact, k.credit) b on b.contact = c.n and b.credit = t.credit;

create temp table contacts on commit drop as
  select c.n, gen_random_uuid() as id, (500000000 + c.n)::text as hubspot_id,
         'S' || lpad(c.n::text, 6, '0') as student_id,
         'Student.' || c.n || '@example.org' as email, 'Given' || c.n % 997 as firstname,
         'Family' || c.n % 7919 as lastname
    from sizes s, generate_series(1, s.contacts) c (n);
create unique index on contacts (n);
analyze contacts;

insert into hubspot_sync.hubspot_contact_credits
  (id, hubspot_id, student_id, email, firstname, lastname, sj_credits, cs_credits, sjmini_credits,
   mock_discussion_token, shared_mock_credits, created_at, hubspot_last_sync_at)
select c.id, c.hubspot_id, c.student_id, c.email, c.firstname, c.lastname,
       sum(b.now) filter (where b.credit = 'sj_credits'),
       sum(b.now) filter (where b.credit = 'cs_credits'),
       sum(b.now) filter (where b.credit = 'sjmini_credits'),
       sum(b.now) filter (where b.credit = 'mock_discussion_token'),
       sum(b.now) filter (where b.credit = 'shared_mock_credits'),
       now() - interval '4 years', now()
  from contacts c
  join (select contact, credit, left_over + refunded as now from balances) b on b.contact = c.n
 group by c.id, c.hubspot_id, c.student_id, c.email, c.firstname, c.lastname;

-- One in five was made with a key, and keeps its request and answer.
insert into hubspot_sync.hubspot_bookings
  (id, hubspot_id, booking_id, mock_exam_id, contact_id, exam, contact, student_id, student_name,
   student_email, mock_type, exam_date, is_active, attendance, attending_location, dominant_hand,
   token_used, idempotency_key, idempotency_request, idempotency_result, created_at, updated_at,
   hubspot_last_sync_at)
select b.id, case when u.id is null then (900000000 + b.n)::text end, b.booking_id, e.hubspot_id,
       c.hubspot_id, e.id, c.id, c.student_id, c.firstname || ' ' || c.lastname, c.email,
       e.mock_type, e.day, b.status, case b.status when 'Completed' then 'Yes' end, 'London',
       'Right',
       case b.credit when 'shared_mock_credits' then 'Shared Token' else e.mock_type || ' Token' end,
       case b.n % 5 when 0 then 'key-' || b.n end,
       case b.n % 5 when 0 then jsonb_build_object(
         'p_mock_exam_id', e.hubspot_id, 'p_student_id', c.student_id, 'p_email', lower(c.email),
         'p_student_name', null, 'p_attending_location', 'London', 'p_dominant_hand', 'Right') end,
       case b.n % 5 when 0 then jsonb_build_object(
         'id', b.id, 'booking_id', b.booking_id, 'hubspot_id', null, 'is_active', 'Active',
         'mock_exam_id', e.hubspot_id, 'mock_type', e.mock_type, 'exam_date', e.day,
         'student_id', c.student_id, 'student_email', c.email, 'created_at', b.created_at) end,
       b.created_at, b.created_at, case when u.id is null then b.created_at end
  from bookings b
  left join unsent u on u.id = b.id
  join exams e on e.n = b.exam
  join contacts c on c.n = b.contact;

-- The ledger: what was bought, then every booking and refund in its time.
insert into hubspot_sync.credit_ledger
  (contact, credit, delta, balance_before, balance_after, booking, reason, actor, created_at)
select c.id, l.credit, l.delta, l.after - l.delta, l.after, l.booking, l.reason, 'service_role',
       l.at
  from (select k.*, sum(k.delta) over (
                      partition by k.contact, k.credit order by k.at, k.step) as after
          from (select contact, credit, (spent + left_over)::integer as delta, null::uuid as booking,
                       'opening' as reason, now() - interval '4 years' as at, 0 as step
                  from balances
                 where spent + left_over > 0
                union all
                select contact, credit, -1, id, 'booking', created_at, n from bookings
                union all
                select contact, credit, 1, id, 'refund', created_at + interval '1 hour', n
                  from bookings
                 where status = 'Cancelled') k) l
  join contacts c on c.n = l.contact
 order by l.at, l.step;

insert into hubspot_sync.supabase_audit_log
  (table_name, record, operation, changed_fields, old_values, new_values, actor, event_type,
   created_at, hubspot_sent_at)
select 'hubspot_bookings', b.id, o.operation, o.fields, o.old, o.new, 'service_role', o.event,
       b.created_at, b.created_at
  from bookings b
 cross join lateral (
   select 'insert' as operation, null::text[] as fields, null::jsonb as old,
          jsonb_build_object('booking_id', b.booking_id, 'is_active', 'Active') as new,
          'created' as event
   union all
   select 'update', '{is_active}', '{"is_active": "Active"}',
          jsonb_build_object('is_active', b.status), lower(b.status)
    where b.status = 'Cancelled') o;

insert into hubspot_sync.sync_queue
  (table_name, record, operation, new_data, synced, sync_attempts, last_sync_attempt,
   next_attempt_at, synced_at, created_at)
select 'hubspot_bookings', b.id, 'insert', jsonb_build_object('booking_id', b.booking_id),
       b.hubspot_id is not null, case when b.hubspot_id is null then 0 else 1 end,
       b.hubspot_last_sync_at, b.created_at, b.hubspot_last_sync_at, b.created_at
  from hubspot_sync.hubspot_bookings b;

do $$
declare
  v_definition text;
begin
  for v_definition in select d.definition from dropped d loop
    execute v_definition;
  end loop;
end;
$$;
