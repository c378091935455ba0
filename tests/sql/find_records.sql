begin;
select plan(7);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return timestamptz '2030-01-08 02:00+00';
insert into hubspot_sync.hubspot_mock_exams (hubspot_id, exam_date, start_time, capacity)
values ('11', '2030-01-01', '09:00', 5), ('12', '2029-12-31', '09:00', 5), ('13', null, null, 5),
       ('14', '2030-03-01', '09:00', 5);
update hubspot_sync.hubspot_mock_exams set deleted_at = now() where hubspot_id = '14';
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email, deleted_at)
values ('21', 'S-1', 'ann@example.com', null), ('22', 'S-2', 'bob@example.com', now()),
       ('23', 'S-3', 'cat@example.com', now());
update hubspot_sync.hubspot_contact_credits c
   set merged_into = (select k.id from hubspot_sync.hubspot_contact_credits k
                       where k.hubspot_id = '21')
 where c.hubspot_id = '23';
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, student_id, student_email, deleted_at)
values ('31', 'BK-1', '11', 'S-1', 'ann@example.com', null),
       ('32', 'BK-2', '11', 'S-2', 'bob@example.com', now()),
       ('33', 'BK-3', '12', 'S-3', 'cat@example.com', null);
create function pg_temp.found(p_kind text, p_id text default null) returns text language sql as $$
  select string_agg(f.hubspot_id, ' ' order by f.hubspot_id)
    from hubspot_sync.find_records(p_kind, p_id) f
$$;

select is(pg_temp.found('exam', '11'), '11 31', 'an exam and its bookings, not the deleted ones');
select is(pg_temp.found('exam', '12'), '12 33', 'an exam that is over is found by its id');
select is(pg_temp.found('contact', '23'), '21', 'a merged contact is the one it was merged into');
select is(pg_temp.found('contact', 'S-2'), '22', 'a deleted contact may be there again');
select is(pg_temp.found('booking', '33'), '33', 'a booking');
select is(pg_temp.found('all'), '11 13 21 31',
          'all is what is there, and was not over a week ago by the business''s day');
select throws_ok($$select hubspot_sync.find_records('note', '1')$$, '22023', null,
                 'nothing else is read');

select * from finish();
rollback;
