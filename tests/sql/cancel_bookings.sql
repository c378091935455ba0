begin;
select plan(38);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return current_setting('test.now')::timestamptz;
set local test.now = '2030-01-01 09:00+00';

insert into hubspot_sync.admin_users (email) values ('boss@example.com');
insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values
  ('E-1', 'Situational Judgment', '2030-02-01', '09:00', 1001, 'true'),
  ('E-2', 'Situational Judgment', '2030-02-02', '09:00', 9, 'true'),
  ('E-cs', 'Clinical Skills', '2030-02-01', '09:00', 9, 'true'),
  ('E-past', 'Situational Judgment', '2030-01-02', '09:00', 9, 'true');
insert into hubspot_sync.hubspot_contact_credits
  (hubspot_id, student_id, email, sj_credits, cs_credits, shared_mock_credits)
values
  ('C-1', 'S-1', 'ann@example.com', 2, 0, 1),
  ('C-2', 'S-2', 'bob@example.com', 9, 0, 0);

-- Everything a refusal must leave alone.
create temp view state as
  select 'bookings' as what, md5(string_agg(b::text, ';' order by b.id)) as is_now
    from hubspot_sync.hubspot_bookings b
  union all
  select 'contacts', md5(string_agg(c::text, ';' order by c.id))
    from hubspot_sync.hubspot_contact_credits c
  union all
  select 'exams', md5(string_agg(e::text, ';' order by e.id))
    from hubspot_sync.hubspot_mock_exams e
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
create temp view taken as
  select e.hubspot_id, s.taken
    from hubspot_sync.exam_seats s join hubspot_sync.hubspot_mock_exams e on e.id = s.exam;

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

-- A booking under an id of our choice.
create function pg_temp.book(p_name text, p_exam text, p_student text, p_email text)
  returns text language plpgsql as $$
declare
  v_id uuid := (api.create_booking(p_exam, p_student, p_email)).id;
begin
  update hubspot_sync.hubspot_bookings set booking_id = p_name where id = v_id;
  return p_name;
end
$$;
select pg_temp.book('A-1', 'E-1', 'S-1', 'ann@example.com'),
       pg_temp.book('A-2', 'E-2', 'S-1', 'ann@example.com'),
       pg_temp.book('A-cs', 'E-cs', 'S-1', 'ann@example.com'),
       pg_temp.book('B-1', 'E-1', 'S-2', 'bob@example.com'),
       pg_temp.book('B-done', 'E-2', 'S-2', 'bob@example.com'),
       pg_temp.book('B-past', 'E-past', 'S-2', 'bob@example.com');
update hubspot_sync.hubspot_bookings set is_active = 'Completed' where booking_id = 'B-done';

-- Refusals of the whole call -----------------------------------------------------------------
create temp table before as table state;
select pg_temp.refused('select * from ' || r.call, r.code, r.named, r.fact)
  from (values
    ('api.cancel_bookings()', '22023', 'p_booking_ids', 'cancelling nothing is refused'),
    ('api.cancel_bookings(null)', '22023', 'p_booking_ids', 'no array is none'),
    ($$api.cancel_bookings('{}')$$, '22023', 'p_booking_ids has 0', 'an empty array is none'),
    ($$api.cancel_bookings(array[['A-1', 'A-2'], ['B-1', 'B-2']])$$, '22023', 'p_booking_ids',
     'an array of arrays is refused'),
    ($$api.cancel_bookings(array[['A-1']])$$, '22023', 'p_booking_ids',
     'even of one'),
    ($$api.cancel_bookings(array_fill('A-1'::text, array[1001]))$$, '22023', '1001',
     'more than 1,000 are refused'),
    ($$api.cancel_bookings(array['A-1'], repeat('x', 501))$$, '22023', '500',
     'a reason of more than 500 characters is refused'),
    ($$api.cancel_bookings(array['A-1'], repeat('x', 10485760))$$, '22023', '500',
     'so is one of 10 MB')
  ) as r (call, code, named, fact);
select pg_temp.refused_to(r.email, r.call, '42501', r.named, r.fact)
  from (values
    ('ann@example.com', $$api.cancel_bookings(array['A-1'])$$, 'administrators',
     'a student does not cancel many, even their own'),
    ('ann@example.com', 'api.cancel_bookings()', 'administrators',
     'who asks comes before what is asked'),
    (null, $$api.cancel_bookings(array['A-1'])$$, 'email', 'nor does a login without an email')
  ) as r (email, call, named, fact);
select results_eq('table state', 'table before', 'a refusal changes nothing');

-- Each by itself -----------------------------------------------------------------------------
create temp table answered as
  select row_number() over () as place, r.booking_id, r.done, r.code, r.message,
         (r.booking).booking_id as found, (r.booking).is_active, (r.booking).replayed
    from api.cancel_bookings(
      array['B-done', 'A-cs', 'nope', ' A-1 ', 'A-1', 'a-1', '100%s $$ ''', 'A-cs'],
      'closed: 100%s ''$$ \') r;
select results_eq(
  'select booking_id, done, code, found, is_active, replayed from answered order by place',
  $q$values ('B-done', false, 'MBSTA', 'B-done', 'Completed', false),
            ('A-cs', true, null, 'A-cs', 'Cancelled', false),
            ('nope', false, 'MBNOF', null, null, null),
            (' A-1 ', true, null, 'A-1', 'Cancelled', false),
            ('A-1', true, null, 'A-1', 'Cancelled', true),
            ('a-1', false, 'MBNOF', null, null, null),
            ('100%s $$ ''', false, 'MBNOF', null, null, null),
            ('A-cs', true, null, 'A-cs', 'Cancelled', true)$q$,
  'one answer for each id, in the order given; a second mention of one repeats the first');
select is_empty(
  $$select booking_id from answered
     where done <> (message is null) or strpos(message, booking_id) = 0$$,
  'what was not done says why and names the id');
select is((select a.message from answered a where a.booking_id = 'nope'),
          (pg_temp.refusal($$select api.cancel_booking('nope')$$)).message,
          'in the words api.cancel_booking would refuse it with');
select is((select a.message from answered a where a.booking_id = 'B-done'),
          (pg_temp.refusal($$select api.cancel_booking('B-done')$$)).message,
          'also for a booking that is completed');
select row_eq(
  $$select sj_credits, cs_credits, shared_mock_credits
      from hubspot_sync.hubspot_contact_credits where student_id = 'S-1'$$,
  row(1, 0, 1), 'each credit goes back to where it came from, once');
select results_eq(
  'select hubspot_id, taken from taken order by hubspot_id',
  $$values ('E-1', 1), ('E-2', 2), ('E-cs', 0), ('E-past', 1)$$, 'their seats are free');
select results_eq(
  $$select e.booking_id, e.metadata ->> 'reason' from hubspot_sync.booking_events e
     where e.event_type = 'cancelled' order by e.booking_id$$,
  $q$values ('A-1', 'closed: 100%s ''$$ \'), ('A-cs', 'closed: 100%s ''$$ \')$q$,
  'each event keeps the reason to the letter');
select is(current_setting('hubspot_sync.reason'), '',
          'the next change does not inherit the reason');
drop table if exists before;
create temp table before as table state;
select results_eq(
  $$select r.booking_id, r.done, (r.booking).replayed
      from api.cancel_bookings(array['A-cs', 'A-1']) r$$,
  $$values ('A-cs', true, true), ('A-1', true, true)$$,
  'cancelling them again is answered as done before');
select results_eq(
  $$select r.booking_id, r.done, r.code from api.cancel_bookings(array['nope', 'B-done']) r$$,
  $$values ('nope', false, 'MBNOF'), ('B-done', false, 'MBSTA')$$,
  'that none can be cancelled is an answer, too');
select results_eq(
  $$select r.done, r.code, r.booking is null
      from api.cancel_bookings(array[E'\x01\n\\', 'A-nobody']) r$$,
  $$select false, 'MBNOF'::text, true from generate_series(1, 2)$$,
  'strange ids are no booking, and do not stop the others');
select results_eq('table state', 'table before', 'all of that changes nothing');
select row_eq(
  $$select r.booking_id, r.done from api.cancel_bookings('[5:5]={A-2}') r$$,
  row('A-2'::text, true), 'an array may begin where it likes');

-- Many ---------------------------------------------------------------------------------------
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email)
select 'M-' || n, 'M-' || n, n || '@example.com' from generate_series(1, 1000) n;
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active,
   token_used)
select 'M-' || n, 'M-' || n, 'E-1', 'M-' || n, 'M-' || n, n || '@example.com', 'Active',
       'Shared Token'
  from generate_series(1, 1000) n;
select results_eq(
  $$select count(*), count(distinct r.booking_id),
           count(*) filter (where r.done and not (r.booking).replayed)
      from api.cancel_bookings(array(select 'M-' || n from generate_series(1000, 1, -1) n)) r$$,
  'values (1000::bigint, 1000::bigint, 1000::bigint)', 'a thousand are cancelled in one call');
select is((select taken from taken where hubspot_id = 'E-1'), 1, 'a thousand seats are free');
select is((select sum(c.shared_mock_credits) from hubspot_sync.hubspot_contact_credits c
            where c.student_id like 'M-%'), 1000::bigint, 'a thousand credits are back');

-- A booking whose credit is unknown does not stop the others.
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active,
   token_used)
values ('O-1', 'OLD-1', 'E-2', null, 'S-9', 'gone@example.com', 'Active', 'Shared Token'),
       ('O-2', 'OLD-2', 'E-2', 'C-1', 'S-1', 'ann@example.com', 'Active', 'Golden Token'),
       ('O-3', 'OLD-3', 'E-2', 'M-1', 'M-1', '1@example.com', 'Waitlisted', null);
select results_eq(
  $$select r.booking_id, r.done, r.code
      from api.cancel_bookings(array['OLD-1', 'OLD-3', 'OLD-2']) r$$,
  $$values ('OLD-1', true, null), ('OLD-3', false, 'MBSTA'), ('OLD-2', true, null)$$,
  'bookings without a contact or a known token are cancelled');
select results_eq(
  $$select b.booking_id from hubspot_sync.sync_conflicts c
      join hubspot_sync.hubspot_bookings b on b.id = c.record order by 1$$,
  $$values ('OLD-1'), ('OLD-2')$$, 'and noted');

-- The cut-off --------------------------------------------------------------------------------
update hubspot_sync.settings set value = '24 hours' where key = 'cancellation_cutoff';
set local test.now = '2030-01-31 09:00:01+00';
select results_eq(
  $$select r.booking_id, r.code from api.cancel_bookings(array['B-1', 'B-past']) r$$,
  $$values ('B-1', 'MBCUT'), ('B-past', 'MBCUT')$$, 'the cut-off holds for each');
select is((select taken from taken where hubspot_id = 'E-past'), 1, 'their seats stay taken');
select is(
  pg_temp.by('Boss@example.com',
             $$(select jsonb_agg(r.done) as done
                  from api.cancel_bookings(array['B-1', 'B-past'], 'ill') r)$$) ->> 'done',
  '[true, true]', 'an administrator''s login passes it');
select is((select distinct e.admin_email from hubspot_sync.booking_events e
            where e.metadata ->> 'reason' = 'ill'), 'Boss@example.com', 'and is who did it');

-- Ids nobody made ----------------------------------------------------------------------------
select pg_temp.refused($$select * from api.cancel_bookings(array['A-1', null, '  '])$$,
                       '22023', 'empty', 'an id that is missing names nothing');
select pg_temp.refused($$select * from api.cancel_bookings(array[repeat('x', 10485760)])$$,
                       '22023', '500', 'an id of 10 MB is not sent back twice');
update hubspot_sync.settings set value = null where key = 'cancellation_cutoff';
select api.cancel_bookings(array[pg_temp.book('A-blank', 'E-1', 'S-1', 'ann@example.com')], '  ');
select is((select e.metadata ->> 'reason' from hubspot_sync.booking_events e
            where e.booking_id = 'A-blank' and e.event_type = 'cancelled'), null,
          'a blank reason is none');


select is_empty($$select v.name, v.sample from api.verify() v where v.violations > 0$$,
                'after all this every invariant holds');

select * from finish();
rollback;
