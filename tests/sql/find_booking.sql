begin;
select plan(10);

insert into hubspot_sync.hubspot_bookings
  (id, booking_id, mock_exam_id, student_id, student_email, is_active, exempt)
values
  ('00000000-0000-4000-8000-000000000001', 'BK-1', 'E-1', 'S-1', 'a@b', 'Active', false),
  ('00000000-0000-4000-8000-000000000002', 'BK-1', 'E-2', 'S-1', 'a@b', 'Active', true),
  ('00000000-0000-4000-8000-000000000004', 'BK-2', 'E-3', 'S-1', 'a@b', 'Active', true),
  ('00000000-0000-4000-8000-000000000003', 'BK-2', 'E-4', 'S-1', 'a@b', 'Active', true),
  ('00000000-0000-4000-8000-000000000005', '', 'E-5', 'S-1', 'a@b', 'Active', true),
  ('00000000-0000-4000-8000-000000000006', E'100%s\\''\n', 'E-6', 'S-1', 'a@b', null, false);
create function pg_temp.found(p_booking_id text) returns text language sql as
  'select right(hubspot_sync.find_booking(p_booking_id)::text, 1)';

select is(pg_temp.found(r.booking_id), r.found, r.fact)
  from (values
    ('BK-1', '1', 'of several the one that keeps the rules is found'),
    ('  BK-1  ', '1', 'blanks around do not matter'),
    ('BK-2', '3', 'of several old ones always the same'),
    (E'100%s\\''\n', '6', 'an id of any letters is found to the letter'),
    ('bk-1', null, 'ids differ by case'),
    ('BK-%', null, 'a percent sign matches nothing'),
    ('BK-9', null, 'an unknown id is nobody''s'),
    (null, null, 'nor is none'),
    (repeat('x', 10485760), null, 'nor is one of 10 MB')
  ) as r (booking_id, found, fact);
select volatility_is('hubspot_sync', 'find_booking', array['text'], 'stable',
                     'it reads and writes nothing');

select * from finish();
rollback;
