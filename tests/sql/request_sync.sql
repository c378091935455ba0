begin;
select plan(17);

insert into hubspot_sync.hubspot_mock_exams (hubspot_id, mock_type, exam_date, start_time, capacity)
values ('11', 'Mini-mock', current_date + 9, '09:00', 5);
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email, sjmini_credits)
values ('21', 'S-1', 'ann@example.com', 5);
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, student_id, student_email)
values ('31', 'BK-1', '11', 'S-1', 'ann@example.com'), (null, 'BK-2', '11', 'S-2', 'b@example.com');

select row_eq($$select * from api.request_sync('exam', '11')$$,
              row('queued', '11', 2, null::timestamptz)::api.sync_request,
              'an exam is asked for, with its bookings');
select is((select count(*) from hubspot_sync.webhook_inbox where lane = 'urgent'), 2::bigint,
          'urgently');
select is((api.request_sync('booking', 'BK-1')).records, 1, 'a booking');
select is((api.request_sync('contact', 'S-1')).hubspot_id, '21', 'a contact');
select is((api.request_sync('booking', 'BK-2')).state, 'sending',
          'what HubSpot lacks goes there first');
select is((api.request_sync('all')).records, 3, 'everything');
insert into hubspot_sync.sync_shadow (record, table_name, properties, read_at)
select c.id, 'hubspot_contact_credits', '{}', hubspot_sync.clock() - interval '20 s'
  from hubspot_sync.hubspot_contact_credits c;
select row_eq($$select state, records, read_at
                  from api.request_sync('contact', 'S-1', 30)$$,
              row('fresh'::text, 0, hubspot_sync.clock() - interval '20 s'),
              'what was read within p_older_than is fresh');
select is((api.request_sync('contact', 'S-1')).state, 'queued', 'unless it must be of now');

select throws_ok($$select api.request_sync('exam', 'E-9')$$, 'MBEXM', null, 'no such exam');
select throws_ok($$select api.request_sync('booking', 'BK-9')$$, 'MBNOF', null, 'no such booking');
select throws_ok($$select api.request_sync('contact', 'S-9')$$, 'MBCON', null, 'no such contact');
select throws_ok(format('select api.request_sync(%s)', given), '22023', null, why)
  from (values ('', 'nothing is asked for'), ('''note'', ''1''', 'notes are not read'),
               ('''exam''', 'no id'), ('''exam'', ''11'', null', 'no age'),
               ('''exam'', ''11'', -1', 'an age below 0'),
               ('''exam'', ''11'', 2147483647', 'an age of 68 years')) as t (given, why);

select * from finish();
rollback;
