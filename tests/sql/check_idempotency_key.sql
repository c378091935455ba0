begin;
select plan(18);

insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values ('E-1', 'Situational Judgment', current_date + 30, '09:00', 2, 'true');
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email, sj_credits)
values ('C-1', 'S-1', 'ann@example.com', 2);
create temp table made as
  select * from api.create_booking('E-1', 'S-1', 'ann@example.com', 'key-1');

select ok(api.check_idempotency_key(null) is null, 'a null key gives null');
select ok(api.check_idempotency_key('') is null, 'an empty key gives null');
select ok(api.check_idempotency_key('key-2') is null, 'an unknown key gives null');
select ok(api.check_idempotency_key('KEY-1') is null, 'keys differ by case');
select ok((api.check_idempotency_key('key-1')).found, 'a known key is found');
select row_eq(
  'select found, booking_id, id, hubspot_id, is_active, student_id, mock_exam_id, created_at
     from api.check_idempotency_key(''key-1'')',
  (select row(true, m.booking_id, m.id, null, 'Active', 'S-1', 'E-1', m.created_at)
            ::api.idempotency_check from made m),
  'a known key tells its booking');
select ok((api.check_idempotency_key('  key-1 ')).found, 'blanks around a key do not matter');

select api.cancel_booking((select booking_id from made));
select is((api.check_idempotency_key('key-1')).is_active, 'Cancelled',
          'a known key tells the booking''s state of now');

select ok(api.check_idempotency_key(k) is null, format('%s is a key like another', left(k, 20)))
  from unnest(array['%', '_ey-1', ''' or true --', '$$', '\', E'key-1\n', 'key-1;',
                    repeat('x', 10000000)]) k;
select ok(api.check_idempotency_key('   ') is null, 'a blank key gives null');
set local role authenticated;
select set_config('request.jwt.claims', '{"email":"ann@example.com"}', true);
select throws_ok($$select api.check_idempotency_key('key-1')$$, '42501', null,
                 'a student is not told whose key it is, not even of their own');
reset role;

select * from finish();
rollback;
