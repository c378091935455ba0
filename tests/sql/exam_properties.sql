begin;
select plan(4);

set local timezone = 'Asia/Tokyo';
insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_exam_name, mock_type, mock_set, exam_date, start_time, end_time, location,
   capacity, total_bookings, is_active, scheduled_activation_at)
values
  ('E-1', 'First', 'Mini-mock', 'A', '2030-02-01', '9:00 AM', '11:00', 'Lab', 5, 2, 'Active',
   '2030-01-01 09:30:15+00'),
  ('E-2', null, null, null, null, null, null, null, null, null, null, null);

select is(
  (select hubspot_sync.exam_properties(e)
     from hubspot_sync.hubspot_mock_exams e where e.hubspot_id = 'E-1'),
  '{"mock_exam_name": "First", "mock_type": "Mini-mock", "mock_set": "A",
    "exam_date": "2030-02-01", "start_time": "9:00 AM", "end_time": "11:00", "location": "Lab",
    "capacity": "5", "total_bookings": "2", "is_active": "true",
    "scheduled_activation_at": "2030-01-01T09:30:15Z"}'::jsonb,
  'an exam''s properties are texts, moments in UTC whatever the session''s zone');
select is(
  (select hubspot_sync.exam_properties(e)
     from hubspot_sync.hubspot_mock_exams e where e.hubspot_id = 'E-2'),
  '{"mock_exam_name": "", "mock_type": "", "mock_set": "", "exam_date": "", "start_time": "",
    "end_time": "", "location": "", "capacity": "", "total_bookings": "", "is_active": "false",
    "scheduled_activation_at": ""}'::jsonb,
  'what is null is an empty text; an exam without a state is not active');

-- Spellings of one state are one value for HubSpot.
update hubspot_sync.hubspot_mock_exams set is_active = 'TRUE' where hubspot_id = 'E-1';
select is((select count(*) from hubspot_sync.sync_queue), 0::bigint,
          'another spelling of the same state is nothing to send');
update hubspot_sync.hubspot_mock_exams set is_active = 'closed' where hubspot_id = 'E-1';
select is((select new_data from hubspot_sync.sync_queue), '{"is_active": "false"}'::jsonb,
          'another state is');

select * from finish();
rollback;
