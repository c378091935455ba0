begin;
select plan(71);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return current_setting('test.now')::timestamptz;
set local test.now = '2030-01-01 09:00+00';

insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values
  ('E-1', 'Situational Judgment', '2030-02-01', '09:00', 3, 'true'),
  ('E-2', 'Situational Judgment', '2030-02-02', '09:00', 3, 'true'),
  ('E-cs', 'Clinical Skills', '2030-02-01', '09:00', 3, 'true'),
  ('E-mini', 'Mini-mock', '2030-02-01', '09:00', 3, 'true'),
  ('E-talk', 'Mock Discussion', '2030-02-01', '09:00', 3, 'true'),
  ('E-cut', 'Situational Judgment', '2030-03-01', '09:00', 3, 'true');
insert into hubspot_sync.hubspot_contact_credits
  (hubspot_id, student_id, email, sj_credits, cs_credits, sjmini_credits, mock_discussion_token,
   shared_mock_credits)
values
  ('C-1', 'S-1', 'ann@example.com', 1, 1, 1, 1, 1),
  ('C-2', 'S-2', 'bob@example.com', 9, 0, 0, 0, 0);
create temp view balances as
  select sj_credits, cs_credits, sjmini_credits, mock_discussion_token, shared_mock_credits
    from hubspot_sync.hubspot_contact_credits where hubspot_id = 'C-1';
create temp view taken as
  select e.hubspot_id, s.taken
    from hubspot_sync.exam_seats s join hubspot_sync.hubspot_mock_exams e on e.id = s.exam;
create temp view state as
  select 'bookings' as what, md5(string_agg(b::text, ';' order by b.id)) as is_now
    from hubspot_sync.hubspot_bookings b
  union all
  select 'contacts', md5(string_agg(c::text, ';' order by c.id))
    from hubspot_sync.hubspot_contact_credits c
  union all
  select 'seats', md5(string_agg(s::text, ';' order by s.exam)) from hubspot_sync.exam_seats s
  union all
  select 'ledger', count(*)::text from hubspot_sync.credit_ledger
  union all
  select 'queue', count(*)::text from hubspot_sync.sync_queue
  union all
  select 'audit', count(*)::text from hubspot_sync.supabase_audit_log
  union all
  select 'conflicts', count(*)::text from hubspot_sync.sync_conflicts;

create temp table made as
  select 'sj' as what, b.* from api.create_booking('E-1', 'S-1', 'ann@example.com', 'key-1') b
  union all
  select 'cs', b.* from api.create_booking('E-cs', 'S-1', 'ann@example.com') b
  union all
  select 'mini', b.* from api.create_booking('E-mini', 'S-1', 'ann@example.com') b
  union all
  select 'talk', b.* from api.create_booking('E-talk', 'S-1', 'ann@example.com') b
  union all
  select 'shared', b.* from api.create_booking('E-2', 'S-1', 'ann@example.com') b;
create function pg_temp.made(p_what text) returns text language sql as
  'select booking_id from made where what = p_what';
select row_eq('table balances', row(0, 0, 0, 0, 0), 'five bookings spent all five credits');

-- Refusals -----------------------------------------------------------------------------------
create temp table before as table state;
select throws_ok('select api.cancel_booking()', '22023', null, 'cancelling nothing is refused');
select throws_ok($$select api.cancel_booking('  ')$$, '22023', null, 'a blank id is none');
select throws_ok($$select api.cancel_booking('BK-20300101-XXXXXX')$$, 'MBNOF', null,
                 'an unknown booking is refused');
select throws_ok($$select api.cancel_booking(lower(pg_temp.made('sj')))$$, 'MBNOF', null,
                 'booking ids differ by case');
select results_eq('table state', 'table before', 'a refusal changes nothing');

-- Each credit goes back to where it came from ------------------------------------------------
create temp table queued as select max(id) as last from hubspot_sync.sync_queue;
create temp table cancelled as
  select * from api.cancel_booking(' ' || pg_temp.made('shared') || ' ', 'moved away');
select row_eq('select is_active, replayed, token_used from cancelled',
              row('Cancelled'::text, false, 'Shared Token'::text),
              'a cancelled booking is answered as such');
select row_eq('table balances', row(0, 0, 0, 0, 1), 'a shared credit goes back to the shared ones');
select is((select taken from taken where hubspot_id = 'E-2'), 0, 'its seat is free again');
select results_eq(
  $$select q.table_name, q.operation, q.new_data
      from hubspot_sync.sync_queue q, queued where q.id > queued.last order by q.table_name$$,
  $$values ('hubspot_bookings', 'update', '{"is_active": "Cancelled"}'::jsonb),
           ('hubspot_contact_credits', 'update', '{"shared_mock_credits": "1"}')$$,
  'HubSpot is told the new state and the new balance, and nothing else');
select row_eq(
  $$select e.event_type, e.metadata ->> 'reason'
      from hubspot_sync.booking_events e join cancelled c on c.id = e.booking
     order by e.id desc limit 1$$,
  row('cancelled'::text, 'moved away'::text), 'the event keeps the reason');

select lives_ok($$select api.cancel_booking(pg_temp.made('sj'))$$, 'one more is cancelled');
select row_eq('table balances', row(1, 0, 0, 0, 1),
              'an own credit goes back to its own balance');
select lives_ok($$select api.cancel_booking(pg_temp.made('cs'))$$, 'one more is cancelled');
select row_eq('table balances', row(1, 1, 0, 0, 1),
              'a clinical skills credit goes back to its own balance');
select lives_ok($$select api.cancel_booking(pg_temp.made('mini'))$$, 'one more is cancelled');
select row_eq('table balances', row(1, 1, 1, 0, 1),
              'a mini-mock credit goes back to its own balance');
select lives_ok($$select api.cancel_booking(pg_temp.made('talk'))$$, 'one more is cancelled');
select row_eq('table balances', row(1, 1, 1, 1, 1),
              'a discussion token goes back to its own balance');
select results_eq(
  $$select l.credit, l.delta, l.balance_before, l.balance_after
      from hubspot_sync.credit_ledger l where l.reason = 'refund' order by l.credit$$,
  $$values ('cs_credits', 1, 0, 1), ('mock_discussion_token', 1, 0, 1),
           ('shared_mock_credits', 1, 0, 1), ('sj_credits', 1, 0, 1),
           ('sjmini_credits', 1, 0, 1)$$,
  'every refund is in the ledger');
select is((select e.metadata ->> 'reason' from hubspot_sync.booking_events e
            where e.booking_id = pg_temp.made('talk') and e.event_type = 'cancelled'),
          null, 'a cancellation without a reason does not inherit one');

-- Again --------------------------------------------------------------------------------------
drop table before;
create temp table before as table state;
select row_eq($$select is_active, replayed from api.cancel_booking(pg_temp.made('sj'))$$,
              row('Cancelled'::text, true), 'cancelling again is answered as a replay');
select results_eq('table state', 'table before', 'cancelling again gives nothing back');

-- A completed booking ------------------------------------------------------------------------
insert into made select 'done', b.* from api.create_booking('E-1', 'S-2', 'bob@example.com') b;
update hubspot_sync.hubspot_bookings set is_active = 'Completed'
 where booking_id = pg_temp.made('done');
drop table before;
create temp table before as table state;
select throws_ok($$select api.cancel_booking(pg_temp.made('done'))$$, 'MBSTA', null,
                 'a completed booking is not cancelled');
select results_eq('table state', 'table before', 'that refusal changes nothing');

-- A status of its own, or none, is no state to cancel from.
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active)
values ('B-odd', 'OLD-odd', 'E-1', 'C-2', 'S-2', 'bob@example.com', 'Waitlisted'),
       ('B-none', 'OLD-none', 'E-1', 'C-2', 'S-2', 'bob@example.com', null);
select throws_ok($$select api.cancel_booking('OLD-odd')$$, 'MBSTA', null,
                 'a booking of an unknown state is not cancelled');
select throws_ok($$select api.cancel_booking('OLD-none')$$, 'MBSTA', null,
                 'a booking without a state is not cancelled');

-- Bookings of the old application ------------------------------------------------------------
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active,
   token_used)
values
  ('B-1', 'OLD-1', 'E-cs', 'C-1', 'S-1', 'ann@example.com', 'active', 'Golden Token'),
  ('B-2', 'OLD-2', 'E-mini', 'C-1', 'S-1', 'ann@example.com', 'Active', null),
  ('B-3', 'OLD-3', 'E-talk', 'C-9', 'S-9', 'gone@example.com', 'Active', 'Mock Discussion Token'),
  ('B-4', 'OLD-4', 'E-2', 'C-1', 'S-1', 'ann@example.com', 'Active', 'Shared Token');
create temp table balances_before as table balances;
select row_eq($$select is_active, replayed from api.cancel_booking('OLD-1')$$,
              row('Cancelled'::text, false), 'a booking with an unknown token is cancelled');
select row_eq($$select is_active, replayed from api.cancel_booking('OLD-2')$$,
              row('Cancelled'::text, false), 'a booking without a token is cancelled');
select row_eq($$select is_active, replayed from api.cancel_booking('OLD-3')$$,
              row('Cancelled'::text, false), 'a booking without a contact is cancelled');
select results_eq('table balances', 'table balances_before',
                  'what was not known to be spent is not given back');
select results_eq(
  $$select c.entity, c.field, b.booking_id
      from hubspot_sync.sync_conflicts c
      join hubspot_sync.hubspot_bookings b on b.id = c.record order by b.booking_id$$,
  $$values ('hubspot_bookings', 'token_used', 'OLD-1'),
           ('hubspot_bookings', 'token_used', 'OLD-2'),
           ('hubspot_bookings', 'token_used', 'OLD-3')$$,
  'a conflict says so for each of them');
select alike((select c.decision from hubspot_sync.sync_conflicts c
                join hubspot_sync.hubspot_bookings b on b.id = c.record
               where b.booking_id = 'OLD-1'),
             '%Golden Token%', 'the conflict names the token');
select is((select sum(taken)::integer from taken where hubspot_id in ('E-cs', 'E-mini', 'E-talk')),
          0, 'their seats are free all the same');
select lives_ok($$select api.cancel_booking('OLD-4')$$,
                'a booking of the old application is cancelled like any other');
select is((select shared_mock_credits from balances), 2,
          'its token is known, so the credit comes back');

-- The cut-off --------------------------------------------------------------------------------
insert into made select 'cut', b.* from api.create_booking('E-cut', 'S-2', 'bob@example.com') b;
update hubspot_sync.settings set value = '48 hours' where key = 'cancellation_cutoff';
set local test.now = '2030-02-27 09:00:01+00';
drop table before;
create temp table before as table state;
select throws_ok($$select api.cancel_booking(pg_temp.made('cut'))$$, 'MBCUT', null,
                 'after the cut-off a booking is not cancelled');
select results_eq('table state', 'table before', 'that refusal changes nothing');
set local test.now = '2030-02-27 09:00+00';
select lives_ok($$select api.cancel_booking(pg_temp.made('cut'))$$,
                'at the cut-off it still is');
insert into made select 'cut2', b.* from api.create_booking('E-cut', 'S-2', 'bob@example.com') b;
set local test.now = '2030-03-02 09:00+00';
select throws_ok($$select api.cancel_booking(pg_temp.made('cut2'))$$, 'MBCUT', null,
                 'after the start a cut-off holds, too');
update hubspot_sync.settings set value = null where key = 'cancellation_cutoff';
select lives_ok($$select api.cancel_booking(pg_temp.made('cut2'))$$,
                'without a cut-off a booking may be cancelled at any time');

-- A booking whose exam is not here has no start to be late for.
update hubspot_sync.settings set value = '48 hours' where key = 'cancellation_cutoff';
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active,
   token_used)
values ('B-5', 'OLD-5', 'E-nowhere', 'C-2', 'S-2', 'bob@example.com', 'Active', 'Shared Token');
select lives_ok($$select api.cancel_booking('OLD-5')$$, 'a booking without its exam is cancelled');

-- Students, administrators, the application --------------------------------------------------
-- A refusal has its code, names what it is about, in few words, and says what to do next.
create function pg_temp.refusal(p_call text, out code text, out message text, out hint text)
  language plpgsql as $$
begin
  execute p_call;
  code := 'nothing was raised';
exception when others then
  get stacked diagnostics code = returned_sqlstate, message = message_text,
                          hint = pg_exception_hint;
end
$$;
create function pg_temp.refused(p_call text, p_code text, p_named text, p_fact text)
  returns text language sql as $$
  select is(concat_ws('; ', r.code,
                      case when strpos(r.message, p_named) = 0
                        then format('%s is not named: %s', p_named, left(r.message, 200)) end,
                      case when r.message is not null and r.hint is null then 'no hint' end,
                      case when length(r.message) > 1000
                        then format('a message of %s characters', length(r.message)) end),
            p_code, p_fact)
    from pg_temp.refusal(p_call) r
$$;

-- A login of somebody: the answer of one call.
create function pg_temp.by(p_email text, p_call text) returns jsonb language plpgsql as $$
declare
  v_answer jsonb;
begin
  perform set_config('request.jwt.claims',
                     jsonb_build_object('email', p_email, 'role', 'authenticated')::text, true);
  set local role authenticated;
  execute format('select to_jsonb(a) from %s a', p_call) into v_answer;
  reset role;
  perform set_config('request.jwt.claims', '', true);
  return v_answer;
end
$$;
create function pg_temp.refused_to(
  p_email text, p_call text, p_code text, p_named text, p_fact text
)
  returns text language sql as $$
  select pg_temp.refused(format('select pg_temp.by(%L, %L)', p_email, p_call), p_code, p_named,
                         p_fact)
$$;
insert into hubspot_sync.admin_users (email) values ('boss@example.com');
update hubspot_sync.settings set value = null where key = 'cancellation_cutoff';
set local test.now = '2030-01-01 09:00+00';
insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
select 'E-day' || n, 'Situational Judgment', date '2030-04-01' + n, '09:00', 5, 'true'
  from generate_series(1, 5) n;
insert into made
select 'day' || n, b.*
  from generate_series(1, 5) n
 cross join lateral api.create_booking('E-day' || n, 'S-2', 'bob@example.com') b;
set local test.now = '2030-04-02 09:00+00';
select is(pg_temp.by('BOB@example.com', format('api.cancel_booking(%L)', pg_temp.made('day1')))
            ->> 'is_active', 'Cancelled', 'a student cancels their own while it begins');
select is((select e.admin_email from hubspot_sync.booking_events e order by e.id desc limit 1),
          'BOB@example.com', 'and is who did it');
set local test.now = '2030-04-03 09:00:01+00';
drop table before;
create temp table before as table state;
select pg_temp.refused_to('bob@example.com',
                          format('api.cancel_booking(%L)', pg_temp.made('day2')), 'MBCUT',
                          pg_temp.made('day2'), 'a second later a student is too late');
select pg_temp.refused_to('ann@example.com',
                          format('api.cancel_booking(%L)', pg_temp.made('day2')), 'MBNOF',
                          pg_temp.made('day2'), 'to a student the booking of another is not there');
select pg_temp.refused_to('ann@example.com',
                          format('api.cancel_booking(%L)', pg_temp.made('day1')), 'MBNOF',
                          pg_temp.made('day1'), 'nor when it was cancelled');
select pg_temp.refused_to('', $$api.cancel_booking('x')$$, '42501', 'email',
                          'a login without an email cancels nothing');
select pg_temp.refused_to(null, 'api.cancel_booking()', '42501', 'email',
                          'who asks comes before what is asked');
select is(pg_temp.by('bob@example.com', format('api.cancel_booking(%L)', pg_temp.made('day1')))
            ->> 'replayed', 'true', 'what they cancelled in time is answered at any time');
select results_eq('table state', 'table before', 'none of that changes anything');
select is(pg_temp.by('boss@example.com', format('api.cancel_booking(%L)', pg_temp.made('day2')))
            ->> 'is_active', 'Cancelled', 'an administrator may cancel after the start');
update hubspot_sync.settings set value = '24 hours' where key = 'cancellation_cutoff';
create function pg_temp.by_service(p_booking_id text) returns text language plpgsql as $$
declare
  v_answer text;
begin
  set local role service_role;
  v_answer := (api.cancel_booking(p_booking_id)).is_active;
  reset role;
  return v_answer;
end
$$;
set local test.now = '2030-04-03 09:00:01+00';
select pg_temp.refused(format('select pg_temp.by_service(%L)', pg_temp.made('day3')), 'MBCUT',
                       pg_temp.made('day3'), 'service_role is held by the cut-off');
select pg_temp.refused_to('bob@example.com',
                          format('api.cancel_booking(%L)', pg_temp.made('day3')), 'MBCUT',
                          pg_temp.made('day3'), 'so is a student');
select is(pg_temp.by('Boss@Example.com', format('api.cancel_booking(%L)', pg_temp.made('day3')))
            ->> 'is_active', 'Cancelled', 'an administrator''s login passes it');
select is(pg_temp.by_service(pg_temp.made('day4')), 'Cancelled',
          'service_role cancels before it');
update hubspot_sync.settings set value = null where key = 'cancellation_cutoff';
set local test.now = '2030-05-01 09:00+00';
select is(pg_temp.by_service(pg_temp.made('day5')), 'Cancelled',
          'and without one at any time');

-- Bad input ----------------------------------------------------------------------------------
drop table before;
create temp table before as table state;
select pg_temp.refused('select api.cancel_booking(' || r.arguments || ')', r.code, r.named, r.fact)
  from (values
    ($$pg_temp.made('sj'), repeat('x', 501)$$, '22023', '500',
     'a reason of more than 500 characters is refused'),
    ($$pg_temp.made('sj'), repeat('x', 10485760)$$, '22023', '500', 'so is one of 10 MB'),
    ($$'%s %1$s %%'$$, 'MBNOF', '%s %1$s %%', 'an id with format signs is named as it is'),
    ($$'BK''; drop table x; --'$$, 'MBNOF', $$BK'; drop table x; --$$,
     'SQL in an id is no SQL'),
    ($q$E'$$BK$$\\\n\x01'$q$, 'MBNOF', E'$$BK$$\\\n\x01',
     'dollars, backslashes and control characters are part of an id')
  ) as r (arguments, code, named, fact);
select results_eq('table state', 'table before', 'they change nothing');

-- A cut-off below zero is no leave to cancel after the start.
update hubspot_sync.settings set value = null where key = 'cancellation_cutoff';
set local test.now = '2030-01-01 09:00+00';
insert into made select 'neg', b.* from api.create_booking('E-day1', 'S-2', 'bob@example.com') b;
select pg_temp.refused(
  $$update hubspot_sync.settings set value = '-1 day' where key = 'cancellation_cutoff'$$,
  '22023', 'cancellation_cutoff', 'a cut-off below zero is refused');
select pg_temp.refused(
  $$update hubspot_sync.settings set value = '10000 years' where key = 'cancellation_cutoff'$$,
  '22023', 'cancellation_cutoff', 'so is one no date can be reckoned by');
update hubspot_sync.settings set value = null where key = 'cancellation_cutoff';
select pg_temp.refused($$select api.cancel_booking(repeat('x', 10485760))$$, '22023', '500',
                       'an id of 10 MB is not sent back');
select api.cancel_booking(pg_temp.made('neg'), '  ');
select is((select e.metadata ->> 'reason' from hubspot_sync.booking_events e
            where e.booking_id = pg_temp.made('neg') and e.event_type = 'cancelled'), null,
          'a blank reason is none');


select is_empty($$select v.name, v.sample from api.verify() v where v.violations > 0$$,
                'after all this every invariant holds');

-- Back and forth by a direct writer ----------------------------------------------------------
set local test.now = '2030-01-01 09:00+00';
update hubspot_sync.hubspot_bookings set is_active = 'Active'
 where booking_id = pg_temp.made('cs');
drop table balances_before;
create temp table balances_before as table balances;
select is((select taken from taken where hubspot_id = 'E-cs'), 1,
          'a booking a direct writer made active again holds a seat again');
select lives_ok($$select api.cancel_booking(pg_temp.made('cs'))$$,
                'a booking made active again by a direct writer can be cancelled again');
select results_eq('table balances', 'table balances_before', 'its credit comes back only once');

select * from finish();
rollback;
