begin;
select plan(13);

insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values ('E-1', 'Mini-mock', '2030-02-01', '09:00', 2, 'true'),
       ('E-2', 'Chess', null, null, null, null);
insert into hubspot_sync.hubspot_bookings
  (booking_id, mock_exam_id, student_id, student_email, is_active, idempotency_key)
values ('BK-1', 'E-1', 'S-1', 'a@b', 'Active', 'key-1');

select row_eq(
  $$select hubspot_id, mock_type, exam_date, starts_at, is_open, taken, capacity, credit,
           token_name, shared, key_known from hubspot_sync.look_at_exam('E-1', 'key-1')$$,
  row('E-1'::text, 'Mini-mock'::text, '2030-02-01'::date, '2030-02-01 09:00+00'::timestamptz,
      true, 1, 2, 'sjmini_credits'::text, 'Mini-mock Token'::text, false, true),
  'an exam, its counter, its credit and the key are read in one look');
select row_eq(
  $$select mock_type, starts_at, is_open, taken, capacity, credit, key_known
      from hubspot_sync.look_at_exam('E-2', 'key-2')$$,
  row('Chess'::text, null::timestamptz, false, 0, 0, null::text, false),
  'what is not known is null, and no seats');
select is((hubspot_sync.look_at_exam('E-1', null)).key_known, false, 'no key is not known');
select ok(hubspot_sync.look_at_exam(r.id, 'key-1') is null, r.fact)
  from (values
    ('E-9', 'an unknown exam is all null'), (null, 'so is none'), ('', 'an empty id'),
    ('e-1', 'an id in the wrong case'), ('E-%', 'a percent sign'),
    ('E-1'' or true --', 'SQL'), (repeat('x', 10485760), '10 MB')
  ) as r (id, fact);
update hubspot_sync.hubspot_mock_exams set is_active = 'false', capacity = 5
 where hubspot_id = 'E-1';
select row_eq($$select is_open, capacity from hubspot_sync.look_at_exam('E-1', null)$$,
              row(false, 5), 'each look sees what is so then');
select volatility_is('hubspot_sync', 'look_at_exam', array['text', 'text'], 'volatile',
                     'so it must not be remembered');

update hubspot_sync.hubspot_mock_exams set deleted_at = now() where hubspot_id = 'E-1';
select ok(hubspot_sync.look_at_exam('E-1', null) is null, 'a deleted exam is not there');


select * from finish();
rollback;
