begin;
select plan(129);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return current_setting('test.now')::timestamptz;
set local test.now = '2030-01-01 09:00+00';

insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values
  ('E-1', 'Situational Judgment', '2030-02-01', '09:00', 3, 'true'),
  ('E-1b', 'Situational Judgment', '2030-02-01', '14:00', 3, 'true'),
  ('E-2', 'Situational Judgment', '2030-02-02', '09:00', 9, 'true'),
  ('E-3', 'Situational Judgment', '2030-02-03', '09:00', 3, 'true'),
  ('E-cs', 'Clinical Skills', '2030-02-01', '09:00', 3, 'true'),
  ('E-mini', 'Mini-mock', '2030-02-01', '09:00', 3, 'true'),
  ('E-talk', 'Mock Discussion', '2030-02-01', '09:00', 3, 'true'),
  ('E-one', 'Situational Judgment', '2030-02-04', '09:00', 1, 'true'),
  ('E-zero', 'Situational Judgment', '2030-02-05', '09:00', 0, 'true'),
  ('E-null', 'Situational Judgment', '2030-02-05', '09:00', null, 'true'),
  ('E-off', 'Situational Judgment', '2030-02-06', '09:00', 3, 'false'),
  ('E-now', 'Situational Judgment', '2030-01-01', '09:00', 3, 'true'),
  ('E-past', 'Situational Judgment', '2029-12-31', '09:00', 3, 'true'),
  ('E-dateless', 'Situational Judgment', null, '09:00', 3, 'true'),
  ('E-chess', 'Chess', '2030-02-01', '09:00', 3, 'true'),
  ('E-typeless', null, '2030-02-01', '09:00', 3, 'true');
insert into hubspot_sync.hubspot_contact_credits
  (hubspot_id, student_id, email, firstname, lastname, sj_credits, cs_credits, sjmini_credits,
   mock_discussion_token, shared_mock_credits)
values
  ('C-1', 'S-1', 'Ann@Example.com', 'Ann', 'Lee', 1, 0, 1, 1, 2),
  ('C-2', 'S-2', 'bob@example.com', 'Bob', null, 5, 0, 0, 0, 0),
  (null, 'S-3', 'new@example.com', null, null, 5, 0, 0, 0, 0),
  ('C-4', 'S-4', 'poor@example.com', null, null, 0, 1, 0, 0, 0),
  ('C-5', 'S-5', 'shared@example.com', null, null, 0, 0, 0, 0, 9);

-- Everything a refusal must leave alone.
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
create temp table before as table state;

-- Refusals -----------------------------------------------------------------------------------
select throws_ok(r.call, r.code, null, r.fact)
  from (values
    ($$select api.create_booking()$$, '22023', 'a booking of nothing is refused'),
    ($$select api.create_booking(null, 'S-1', 'ann@example.com')$$, '22023',
     'a booking without an exam is refused'),
    ($$select api.create_booking('  ', 'S-1', 'ann@example.com')$$, '22023',
     'a blank exam is none'),
    ($$select api.create_booking('E-1', null, 'ann@example.com')$$, '22023',
     'a booking without a student is refused'),
    ($$select api.create_booking('E-1', ' ', 'ann@example.com')$$, '22023',
     'a blank student is none'),
    ($$select api.create_booking('E-1', 'S-1', null)$$, '22023',
     'a booking without an email is refused'),
    ($$select api.create_booking('E-1', 'S-1', '')$$, '22023', 'an empty email is none'),
    ($$select api.create_booking('E-9', 'S-1', 'ann@example.com')$$, 'MBEXM',
     'an unknown exam is refused'),
    ($$select api.create_booking('e-1', 'S-1', 'ann@example.com')$$, 'MBEXM',
     'an exam''s id in the wrong case is unknown'),
    ($$select api.create_booking('E-off', 'S-1', 'ann@example.com')$$, 'MBINA',
     'an inactive exam is refused'),
    ($$select api.create_booking('E-past', 'S-1', 'ann@example.com')$$, 'MBPST',
     'an exam that has started is refused'),
    ($$select api.create_booking('E-now', 'S-1', 'ann@example.com')$$, 'MBPST',
     'an exam that starts this moment is refused'),
    ($$select api.create_booking('E-dateless', 'S-1', 'ann@example.com')$$, 'MBPST',
     'an exam without a date is refused'),
    ($$select api.create_booking('E-zero', 'S-1', 'ann@example.com')$$, 'MBFUL',
     'an exam with no seat is full'),
    ($$select api.create_booking('E-null', 'S-1', 'ann@example.com')$$, 'MBFUL',
     'an exam without a capacity is full'),
    ($$select api.create_booking('E-chess', 'S-1', 'ann@example.com')$$, 'MBTYP',
     'a mock type no credit pays for is refused'),
    ($$select api.create_booking('E-typeless', 'S-1', 'ann@example.com')$$, 'MBTYP',
     'an exam without a mock type is refused'),
    ($$select api.create_booking('E-1', 'S-9', 'ann@example.com')$$, 'MBCON',
     'an unknown student is refused'),
    ($$select api.create_booking('E-1', 's-1', 'ann@example.com')$$, 'MBCON',
     'a student id in the wrong case is unknown'),
    ($$select api.create_booking('E-1', 'S-1', 'bob@example.com')$$, 'MBCON',
     'a student with another''s email is refused'),
    ($$select api.create_booking('E-1', 'S-4', 'poor@example.com')$$, 'MBCRD',
     'a student with neither own nor shared credit is refused'),
    ($$select api.create_booking('E-mini', 'S-5', 'shared@example.com')$$, 'MBCRD',
     'a shared credit does not pay for a mini-mock'),
    ($$select api.create_booking('E-talk', 'S-5', 'shared@example.com')$$, 'MBCRD',
     'a shared credit does not pay for a mock discussion'),
    ($$select api.create_booking('E-1', 'S-4', 'poor@example.com', 'key-late')$$, 'MBCRD',
     'a refusal with a key is a refusal')
  ) as r (call, code, fact);
select results_eq('table state', 'table before', 'a refusal changes nothing');
select ok(api.check_idempotency_key('key-late') is null, 'a refusal does not use up its key');

-- A booking ----------------------------------------------------------------------------------
create temp table queued as select coalesce(max(id), 0) as last from hubspot_sync.sync_queue;
create temp table made as
  select *
    from api.create_booking(' E-1 ', ' S-1 ', ' ANN@example.COM ', null, null, 'Lab', 'left');
select is(count(*), 1::bigint, 'a booking is answered as one row') from made;
select row_eq(
  $$select hubspot_id, is_active, mock_exam_id, mock_type, exam_date, student_id, student_name,
           student_email, token_used, attendance, attending_location, dominant_hand, created_at,
           replayed from made$$,
  row(null::text, 'Active'::text, 'E-1'::text, 'Situational Judgment'::text, '2030-02-01'::date,
      'S-1'::text, 'Ann Lee'::text, 'Ann@Example.com'::text, 'Situational Judgment Token'::text,
      null::text, 'Lab'::text, 'left'::text, '2030-01-01 09:00+00'::timestamptz, false),
  'blanks and the email''s case do not matter, the contact''s own spelling is kept');
select matches((select booking_id from made), '^BK-20300101-[A-Z0-9]{6}$',
               'its booking id carries the day of booking');
select row_eq(
  $$select c.sj_credits, c.shared_mock_credits, s.taken
      from made
      join hubspot_sync.hubspot_bookings b on b.id = made.id
      join hubspot_sync.hubspot_contact_credits c on c.id = b.contact
      join hubspot_sync.exam_seats s on s.exam = b.exam$$,
  row(0, 2, 1), 'one seat and one credit, the own one before a shared one');
select row_eq(
  $$select l.credit, l.delta, l.balance_before, l.balance_after, l.reason
      from hubspot_sync.credit_ledger l join made on made.id = l.booking$$,
  row('sj_credits'::text, -1, 1, 0, 'booking'::text), 'the ledger says what was spent on it');
select results_eq(
  $$select q.table_name, q.operation
      from hubspot_sync.sync_queue q, queued where q.id > queued.last order by q.table_name$$,
  $$values ('hubspot_bookings', 'insert'), ('hubspot_contact_credits', 'update')$$,
  'the booking and the balance are queued for HubSpot, and nothing else');
select results_eq(
  $$select a.operation, a.event_type
      from hubspot_sync.supabase_audit_log a join made on made.id = a.record$$,
  $$values ('insert', 'created')$$, 'the booking is audited once');
select is((select b.contact_id from hubspot_sync.hubspot_bookings b join made using (id)), 'C-1',
          'the booking knows its contact''s HubSpot id');

-- Which credit -------------------------------------------------------------------------------
select is((api.create_booking('E-2', 'S-1', 'ann@example.com')).token_used, 'Shared Token',
          'when the own credit is spent a shared one pays');
select is((api.create_booking('E-cs', 'S-1', 'ann@example.com')).token_used, 'Shared Token',
          'a shared credit pays for clinical skills, too');
select throws_ok($$select api.create_booking('E-3', 'S-1', 'ann@example.com')$$, 'MBCRD', null,
                 'when both are spent no credit is left');
select is((api.create_booking('E-mini', 'S-1', 'ann@example.com')).token_used, 'Mini-mock Token',
          'a mini-mock has its own credit');
select is((api.create_booking('E-talk', 'S-1', 'ann@example.com')).token_used,
          'Mock Discussion Token', 'a mock discussion has its own credit');
select is((api.create_booking('E-cs', 'S-4', 'poor@example.com')).token_used,
          'Clinical Skills Token', 'clinical skills have their own credit');
select row_eq(
  $$select sj_credits, cs_credits, sjmini_credits, mock_discussion_token, shared_mock_credits
      from hubspot_sync.hubspot_contact_credits where hubspot_id = 'C-1'$$,
  row(0, 0, 0, 0, 0), 'each booking spent exactly one credit');

-- Names --------------------------------------------------------------------------------------
select is((api.create_booking('E-2', 'S-2', 'bob@example.com', null, '  Robert  ')).student_name,
          'Robert', 'a name given is taken without blanks');
select is((api.create_booking('E-1', 'S-2', 'bob@example.com', null, '  ')).student_name, 'Bob',
          'a blank name is the contact''s');
select is((api.create_booking('E-2', 'S-3', 'new@example.com')).student_name, null,
          'a contact without a name gives none');
select is((select b.contact_id from hubspot_sync.hubspot_bookings b where b.student_id = 'S-3'),
          null, 'a contact HubSpot does not have yet can book');

-- Twice --------------------------------------------------------------------------------------
drop table before;
create temp table before as table state;
select throws_ok($$select api.create_booking('E-1', 'S-2', 'bob@example.com')$$, 'MBDUP', null,
                 'a second booking of the same exam is refused');
select throws_ok($$select api.create_booking('E-1b', 'S-2', 'bob@example.com')$$, 'MBDUP', null,
                 'a second booking of the same type and day is refused');
select throws_ok($$select api.create_booking('E-1', 'S-1', 'ann@example.com')$$, 'MBDUP', null,
                 'a double is told so, though no credit is left either');
select throws_ok($$select api.create_booking('E-1', 'S-2', 'bob@example.com', 'key-dup')$$,
                 'MBDUP', null, 'a new key makes no second booking');
select results_eq('table state', 'table before', 'a refused double changes nothing');

select api.cancel_booking(b.booking_id)
  from hubspot_sync.hubspot_bookings b where b.student_id = 'S-2' and b.mock_exam_id = 'E-1';
select lives_ok($$select api.create_booking('E-1b', 'S-2', 'bob@example.com', 'key-dup')$$,
                'after the cancellation the type and day are free, and so is the refused key');

-- The last seat ------------------------------------------------------------------------------
select lives_ok($$select api.create_booking('E-one', 'S-2', 'bob@example.com')$$,
                'the last seat is sold');
drop table before;
create temp table before as table state;
select throws_ok($$select api.create_booking('E-one', 'S-5', 'shared@example.com')$$, 'MBFUL',
                 null, 'a seat is not sold twice');
select results_eq('table state', 'table before', '«full» changes nothing');
select api.cancel_booking(b.booking_id)
  from hubspot_sync.hubspot_bookings b where b.mock_exam_id = 'E-one';
select lives_ok($$select api.create_booking('E-one', 'S-5', 'shared@example.com')$$,
                'a seat given back is sold again');

-- A direct writer may overbook; the booking functions then refuse.
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, student_id, student_email, is_active)
values ('B-9', 'OLD-9', 'E-one', 'S-9', 'nine@example.com', 'Active');
select is((select s.taken from hubspot_sync.exam_seats s
             join hubspot_sync.hubspot_mock_exams e on e.id = s.exam
            where e.hubspot_id = 'E-one'), 2, 'a direct writer''s booking is counted, not refused');
select throws_ok($$select api.create_booking('E-one', 'S-2', 'bob@example.com')$$, 'MBFUL', null,
                 'an overbooked exam is full');

-- Idempotency --------------------------------------------------------------------------------
create temp table first as
  select *
    from api.create_booking('E-3', 'S-5', 'Shared@example.com', 'key-1', 'Sue', 'Hall', 'right');
select is((select b.idempotency_key from hubspot_sync.hubspot_bookings b join first using (id)),
          'key-1', 'a booking keeps its key');
drop table before;
create temp table before as table state;
create temp table again as
  select *
    from api.create_booking('E-3', 'S-5', 'shared@EXAMPLE.com', ' key-1 ', 'Sue', 'Hall', 'right');
select is((select a.replayed from again a), true, 'the same key is answered as a replay');
select row_eq(
  'select id, booking_id, is_active, token_used, student_name, created_at from again',
  (select row(id, booking_id, is_active, token_used, student_name, created_at) from first),
  'a replay answers the first booking');
select results_eq('table state', 'table before',
                  'the same key replays the booking and spends nothing');

select throws_ok(r.call, 'MBKEY',
                 format('idempotency key was used for a request with another %s', r.differing),
                 r.fact)
  from (values
    ($$select api.create_booking('E-2', 'S-5', 'shared@example.com', 'key-1', 'Sue', 'Hall',
                                 'right')$$,
     'p_mock_exam_id', 'a key with another exam is refused, naming the field'),
    ($$select api.create_booking('E-3', 'S-2', 'bob@example.com', 'key-1', 'Sue', 'Hall',
                                 'right')$$,
     'p_email, p_student_id', 'a key with another student is refused, naming both fields'),
    ($$select api.create_booking('E-3', 'S-5', 'shared@example.com', 'key-1', 'Sam', 'Hall',
                                 'right')$$,
     'p_student_name', 'a key with another name is refused, without telling either name'),
    ($$select api.create_booking('E-3', 'S-5', 'shared@example.com', 'key-1')$$,
     'p_attending_location, p_dominant_hand, p_student_name',
     'a key with details left out is refused'),
    ($$select api.create_booking('E-9', 'S-5', 'shared@example.com', 'key-1', 'Sue', 'Hall',
                                 'right')$$,
     'p_mock_exam_id', 'the key is looked at before the exam')
  ) as r (call, differing, fact);
select results_eq('table state', 'table before', 'a refused key changes nothing');

-- What a caller may log must not tell one student''s data to another.
create function pg_temp.words_of(p_call text) returns text language plpgsql as $$
declare
  v_message text;
  v_detail text;
  v_hint text;
begin
  execute p_call;
  return 'nothing was raised';
exception when sqlstate 'MBKEY' then
  get stacked diagnostics v_message = message_text, v_detail = pg_exception_detail,
                          v_hint = pg_exception_hint;
  return concat_ws(' ', v_message, v_detail, v_hint);
end
$$;
select unalike(
  pg_temp.words_of($$select api.create_booking('E-2', 'S-2', 'bob@example.com', 'key-1')$$),
  '%' || word || '%', format('the refusal of a key does not tell the value %s', word))
  from unnest(array['E-3', 'S-5', 'shared@', 'Sue', 'Hall', 'E-2', 'S-2', 'bob@']) word;

-- A replay answers even when the exam could no longer be booked.
update hubspot_sync.hubspot_mock_exams set is_active = 'false' where hubspot_id = 'E-3';
select is((api.create_booking('E-3', 'S-5', 'shared@example.com', 'key-1', 'Sue', 'Hall',
                              'right')).replayed, true,
          'a key replays though the exam was deactivated since');
update hubspot_sync.hubspot_mock_exams set is_active = 'true' where hubspot_id = 'E-3';
select api.cancel_booking((select booking_id from first));
select is((api.create_booking('E-3', 'S-5', 'shared@example.com', 'key-1', 'Sue', 'Hall',
                              'right')).is_active, 'Active',
          'a replay is the stored first answer, though the booking was cancelled since');
select is((api.get_booking((select id from first))).is_active, 'Cancelled',
          'and books nothing anew');

-- A refused key is free for the request that was refused, and for any other.
select throws_ok($$select api.create_booking('E-off', 'S-5', 'shared@example.com', 'key-2')$$,
                 'MBINA', null, 'a refusal keeps no key');
select is((api.create_booking('E-3', 'S-5', 'shared@example.com', 'key-2')).replayed, false,
          'the same key after a refusal still books');
select is((api.create_booking('E-cs', 'S-5', 'shared@example.com', '')).replayed, false,
          'an empty key is none');
select is((select count(*) from hubspot_sync.hubspot_bookings b where b.idempotency_key = ''),
          0::bigint, 'an empty key is not stored');

-- The old application stored a key, but no request.
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active,
   idempotency_key)
values ('B-old', 'OLD-1', 'E-2', 'C-5', 'S-5', 'Shared@Example.com', 'active', 'key-old');
select is((api.create_booking('E-2', 'S-5', 'shared@example.com', 'key-old')).booking_id, 'OLD-1',
          'a key of the old application replays its booking');
select is((api.create_booking('E-2', 'S-5', 'shared@example.com', 'key-old')).replayed, true,
          'and says so');
select throws_ok($$select api.create_booking('E-1', 'S-5', 'shared@example.com', 'key-old')$$,
                 'MBKEY', null, 'a key of the old application for another exam is refused');

-- The old application''s double is stopped by the unique rules.
select throws_ok($$select api.create_booking('E-2', 'S-5', 'shared@example.com')$$, 'MBDUP', null,
                 'a booking of the old application counts as a booking');

-- Logins -------------------------------------------------------------------------------------
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
insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values ('E-4', 'Situational Judgment', '2030-03-01', '09:00', 3, 'true'),
       ('E-5', 'Situational Judgment', '2030-03-02', '09:00', 3, 'true'),
       ('E-6', 'Situational Judgment', '2030-03-03', '09:00', 3, 'true');
update hubspot_sync.hubspot_contact_credits set sj_credits = 9;
select is(pg_temp.by('ANN@example.com', $$api.create_booking('E-4', 'S-1')$$)
            ->> 'student_email', 'Ann@Example.com', 'a student may leave their email out');
select is(pg_temp.by('ann@example.com', $$api.create_booking('E-5', 'S-1', '  ')$$)
            ->> 'student_email', 'Ann@Example.com', 'a blank email is left out, too');
select is(pg_temp.by('ann@example.com',
                     $$api.create_booking('E-6', 'S-1', ' aNN@example.com ', 'key-own')$$)
            ->> 'replayed', 'false', 'or given, however it is spelled');
select is(pg_temp.by('ann@example.com', $$api.create_booking('E-6', 'S-1', null, 'key-own')$$)
            ->> 'replayed', 'true', 'given or left out, it is the same request');
select is(pg_temp.by('boss@example.com', $$api.create_booking('E-4', 'S-2', 'bob@example.com')$$)
            ->> 'student_id', 'S-2', 'an administrator books for anybody');
select is((select a.actor from hubspot_sync.supabase_audit_log a
            where a.table_name = 'hubspot_bookings' order by a.id desc limit 1),
          'boss@example.com', 'and is who did it');
drop table before;
create temp table before as table state;
select pg_temp.refused_to(r.email, r.call, r.code, r.named, r.fact)
  from (values
    ('ann@example.com', $$api.create_booking('E-5', 'S-2', 'bob@example.com')$$, '42501',
     'themselves', 'a student does not book for another'),
    ('ann@example.com', $$api.create_booking('E-9', 'S-9', 'nobody@example.com')$$, '42501',
     'themselves', 'whether that other exists or not'),
    ('ann@example.com', $$api.create_booking('E-5', 'S-2')$$, 'MBCON', 'S-2',
     'another''s student id with one''s own email is nobody'),
    ('ann@example.com', $$api.create_booking('E-5', 'S-99')$$, 'MBCON', 'S-99',
     'as if it did not exist'),
    ('ann@example.com', $$api.create_booking('E-5', 'S-1', '%')$$, '42501', 'themselves',
     'a percent sign is no email'),
    ('ann@example.com', $$api.create_booking(null, 'S-1')$$, '22023', 'p_mock_exam_id',
     'a student names the exam'),
    ('ann@example.com', $$api.create_booking('E-5')$$, '22023', 'p_student_id',
     'and their student id'),
    ('boss@example.com', $$api.create_booking('E-5', 'S-2')$$, '22023', 'p_email',
     'an administrator names whom they book for'),
    ('', $$api.create_booking('E-5', 'S-1', 'ann@example.com')$$, '42501', 'email',
     'a login without an email books nothing'),
    (null, 'api.create_booking()', '42501', 'email', 'who asks comes before what is asked')
  ) as r (email, call, code, named, fact);
select pg_temp.refused_to('bob@example.com',
                          $$api.create_booking('E-6', 'S-2', null, 'key-own')$$, 'MBKEY',
                          'p_email, p_student_id', 'a key of another student answers nothing');

-- Bad input ----------------------------------------------------------------------------------
select pg_temp.refused('select api.create_booking(' || r.arguments || ')', r.code, r.named, r.fact)
  from (values
    ($$'E-5', 'S-1', 'ann@example.com', repeat('x', 501)$$, '22023', '500',
     'a key of more than 500 characters is refused'),
    ($$'E-5', 'S-1', 'ann@example.com', repeat('x', 10485760)$$, '22023', '500',
     'so is one of 10 MB'),
    ($$'E-5', 'S-1', 'ann@example.com', null, repeat('x', 10485760)$$, '22023', '500',
     'a name of 10 MB is refused'),
    ($$'E-5', 'S-1', 'ann@example.com', null, null, repeat('x', 10485760)$$, '22023', '500',
     'a location of 10 MB is refused'),
    ($$'E-5', 'S-1', 'ann@example.com', null, null, null, repeat('x', 10485760)$$, '22023', '500',
     'a hand of 10 MB is refused'),
    ($$'%s %1$s %%', 'S-1', 'ann@example.com'$$, 'MBEXM', '%s %1$s %%',
     'an exam''s id with format signs is named as it is'),
    ($$'E-5''; drop table x; --', 'S-1', 'ann@example.com'$$, 'MBEXM', $$E-5'; drop table x; --$$,
     'SQL in an exam''s id is no SQL'),
    ($$'E-5', '%s''; --', 'ann@example.com'$$, 'MBCON', $$%s'; --$$,
     'SQL in a student id is no SQL'),
    ($$'E-5', 'S-1', 'ann@example.com'' or true --'$$, 'MBCON', 'S-1',
     'SQL in an email is no SQL'),
    ($q$E'$$E-5$$\\\n\x01', 'S-1', 'ann@example.com'$q$, 'MBEXM', E'$$E-5$$\\\n\x01',
     'dollars, backslashes and control characters are part of an id')
  ) as r (arguments, code, named, fact);
select results_eq('table state', 'table before', 'none of this changes anything');
create temp table strange as
  select * from api.create_booking('E-5', 'S-2', 'bob@example.com', E'k''$$%s\\\n\x01',
                                   E'O''Hara $$ %s \\ \x01', E'''; drop table x; --', '%');
select row_eq(
  $$select b.idempotency_key, b.student_name, b.attending_location, b.dominant_hand
      from hubspot_sync.hubspot_bookings b join strange using (id)$$,
  row(E'k''$$%s\\\n\x01'::text, E'O''Hara $$ %s \\ \x01'::text, E'''; drop table x; --'::text,
      '%'::text), 'strange texts are kept to the letter');
select is((api.create_booking('E-5', 'S-2', 'bob@example.com', E'k''$$%s\\\n\x01',
                              E'O''Hara $$ %s \\ \x01', E'''; drop table x; --', '%')).replayed,
          true, 'and a strange key replays');

-- Old bookings that are exempt from the unique rules -----------------------------------------
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active, exempt)
values ('X-1', 'EX-1', 'E-6', 'C-4', 'S-4', 'poor@example.com', 'Active', true),
       ('X-2', 'EX-2', 'E-4', 'C-4', 'S-4', 'poor@example.com', 'Cancelled', true);
drop table before;
create temp table before as table state;
select pg_temp.refused($$select api.create_booking('E-6', 'S-4', 'poor@example.com')$$, 'MBDUP',
                       'S-4', 'an old exempt booking stops a second one for the exam');
select results_eq('table state', 'table before', 'and nothing changes');
select is((api.create_booking('E-4', 'S-4', 'poor@example.com')).is_active, 'Active',
          'a cancelled one does not');
insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values ('E-6pm', 'Situational Judgment', '2030-03-03', '14:00', 3, 'true');
select pg_temp.refused($$select api.create_booking('E-6pm', 'S-4', 'poor@example.com')$$, 'MBDUP',
                       'S-4', 'nor is there another of its type that day');
select api.cancel_booking('EX-1');
select is((api.create_booking('E-6pm', 'S-4', 'poor@example.com')).is_active, 'Active',
          'once it is cancelled the day is free');

-- A deleted exam -----------------------------------------------------------------------------
update hubspot_sync.hubspot_mock_exams set deleted_at = hubspot_sync.clock()
 where hubspot_id = 'E-zero';
select pg_temp.refused($$select api.create_booking('E-zero', 'S-1', 'ann@example.com')$$, 'MBEXM',
                       'E-zero', 'a deleted exam does not exist');

-- Ids of 10 MB, and days that never come -----------------------------------------------------
drop table before;
create temp table before as table state;
select pg_temp.refused('select api.create_booking(' || r.arguments || ')', '22023', '500', r.fact)
  from (values
    ($$repeat('x', 10485760), 'S-1', 'ann@example.com'$$, 'an exam''s id of 10 MB is refused'),
    ($$'E-5', repeat('x', 10485760), 'ann@example.com'$$, 'so is a student id'),
    ($$'E-5', 'S-1', repeat('x', 10485760)$$, 'and an email'),
    ($$repeat('x', 501), 'S-1', 'ann@example.com'$$, 'each has at most 500 characters')
  ) as r (arguments, fact);
select results_eq('table state', 'table before', 'they change nothing');
insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values ('E-ever', 'Mini-mock', 'infinity', '09:00', 3, 'true');
update hubspot_sync.hubspot_contact_credits set sjmini_credits = 5 where student_id = 'S-1';
select pg_temp.refused($$select api.create_booking('E-ever', 'S-1', 'ann@example.com')$$, 'MBPST',
                       'E-ever', 'an exam on a day that never comes has no date');


select is_empty($$select v.name, v.sample from api.verify() v where v.violations > 0$$,
                'after all this every invariant holds');

select * from finish();
rollback;
