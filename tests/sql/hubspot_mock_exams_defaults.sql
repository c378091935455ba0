begin;
select plan(6);

insert into hubspot_sync.hubspot_mock_exams (hubspot_id, exam_date, start_time, starts_at)
values ('E-1', '2030-02-01', '9:30 PM', '2000-01-01 00:00+00'),
       ('E-2', null, '09:00', '2000-01-01 00:00+00');
create temp view starts as
  select starts_at from hubspot_sync.hubspot_mock_exams where hubspot_id = 'E-1';
select is((table starts), '2030-02-01 21:30+00',
          'an exam''s start follows from date and time, whatever the writer says');
select is((select starts_at from hubspot_sync.hubspot_mock_exams where hubspot_id = 'E-2'), null,
          'an exam without a date has no start');

update hubspot_sync.hubspot_mock_exams set start_time = '10:00' where hubspot_id = 'E-1';
select is((table starts), '2030-02-01 10:00+00', 'the start follows the time');
update hubspot_sync.hubspot_mock_exams set exam_date = '2030-03-01' where hubspot_id = 'E-1';
select is((table starts), '2030-03-01 10:00+00', 'the start follows the date');
update hubspot_sync.hubspot_mock_exams set starts_at = '2000-01-01 00:00+00'
 where hubspot_id = 'E-1';
select is((table starts), '2030-03-01 10:00+00', 'nobody can set the start by itself');
update hubspot_sync.hubspot_mock_exams set start_time = 'at noon' where hubspot_id = 'E-1';
select is((table starts), '2030-03-01 00:00+00', 'a time nobody can read is midnight');

select * from finish();
rollback;
