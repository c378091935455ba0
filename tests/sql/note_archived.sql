begin;
select plan(7);

insert into hubspot_sync.hubspot_mock_exams (hubspot_id, capacity) values ('1', 3), ('2', 3);
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email, deleted_at)
values ('1', 'S-1', '1@example.com', null), ('3', 'S-3', '3@example.com', now());
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, student_id, student_email)
values ('1', 'BK-4', '1', 'S-1', '1@example.com');

select row_eq($$select checked, queued
                  from hubspot_sync.note_archived('hubspot_mock_exams', '{1,7}')$$, row(2, 1),
              'of what HubSpot archived, what is known here is asked for');
select results_eq('select table_name, hubspot_id, kind from hubspot_sync.webhook_inbox',
                  $$values ('hubspot_mock_exams', '1', 'deletion')$$, 'as a deletion');
select is((select queued from hubspot_sync.note_archived('hubspot_mock_exams', '{1,7}')), 0,
          'once, while that waits');
update hubspot_sync.webhook_inbox set dead_at = now();
select is((select queued from hubspot_sync.note_archived('hubspot_mock_exams', '{1,7}')), 0,
          'nor again where it is a dead letter');
select is((select queued from hubspot_sync.note_archived('hubspot_contact_credits', '{1,3}')), 1,
          'one that is marked deleted here is no news');
select is((select queued from hubspot_sync.note_archived('hubspot_bookings', '{1,3}')), 1,
          'bookings are looked for among bookings');
select throws_ok($$select hubspot_sync.note_archived('settings', '{}')$$, '22023', null,
                 'another table is refused');

select * from finish();
rollback;
