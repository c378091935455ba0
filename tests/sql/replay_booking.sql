begin;
select plan(7);

insert into hubspot_sync.hubspot_bookings
  (booking_id, mock_exam_id, student_id, student_email, is_active, idempotency_key,
   idempotency_request, idempotency_result)
values
  ('BK-1', 'E-1', 'S-1', 'ann@example.com', 'Cancelled', 'key-1',
   '{"p_mock_exam_id": "E-1", "p_student_name": null}',
   '{"id": "00000000-0000-4000-8000-000000000001", "booking_id": "BK-1", "is_active": "Active",
     "replayed": false}'),
  ('OLD-1', 'E-1', 'S-1', 'Ann@Example.com', 'Cancelled', 'key-old', null, null);

select is((hubspot_sync.replay_booking('key-9', '{}')).id, null, 'an unknown key replays nothing');
select row_eq(
  $$select booking_id, is_active, replayed
      from hubspot_sync.replay_booking(
        'key-1', '{"p_mock_exam_id": "E-1", "p_student_name": null}')$$,
  row('BK-1'::text, 'Active'::text, true), 'the stored first answer is replayed, marked as such');
select is((hubspot_sync.replay_booking(
             'key-1',
             '{"p_mock_exam_id": "E-1", "p_student_name": null, "p_new": "x"}')).booking_id,
          'BK-1', 'an argument the first request could not have had is not compared');
select throws_ok(
  $$select hubspot_sync.replay_booking(
      'key-1', '{"p_mock_exam_id": "E-2", "p_student_name": "Ann"}')$$,
  'MBKEY', 'idempotency key was used for a request with another p_mock_exam_id, p_student_name',
  'all fields that differ are named, in order');
select throws_ok(
  $$select hubspot_sync.replay_booking('key-1', '{"p_student_name": ""}')$$,
  'MBKEY', 'idempotency key was used for a request with another p_student_name',
  'null and an empty text differ');
select row_eq(
  $$select booking_id, is_active, replayed
      from hubspot_sync.replay_booking(
        'key-old', '{"p_mock_exam_id": "E-1", "p_student_id": "S-1", "p_email": "ann@example.com",
                     "p_dominant_hand": "left"}')$$,
  row('OLD-1'::text, 'Cancelled'::text, true),
  'a row without a request is compared by what it tells, and answered as it is');
select throws_ok(
  $$select hubspot_sync.replay_booking('key-old', '{"p_student_id": "S-2"}')$$,
  'MBKEY', 'idempotency key was used for a request with another p_student_id',
  'what such a row tells must agree');

select * from finish();
rollback;
