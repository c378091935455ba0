begin;
select plan(16);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return '2030-01-01 12:00+00'::timestamptz + current_setting('test.later')::interval;
set local test.later = '0';
create function pg_temp.exam(p_id text, p_capacity text) returns jsonb language sql as $$
  select jsonb_build_object('id', p_id, 'updatedAt', '2030-01-01T10:00:00Z', 'properties',
    jsonb_build_object('mock_type', 'Mini-mock', 'exam_date', '2031-01-01', 'capacity', p_capacity))
$$;
create temp view places as
  select table_name, after, done, pages, read, applied, refused
    from hubspot_sync.begin_import();

select throws_ok($$select hubspot_sync.import_page('hubspot_mock_exams', '[]', null)$$, '22023',
                 null, 'a page belongs to an import');
select results_eq(
  'table places',
  $$values ('hubspot_mock_exams', null::text, false, 0, 0, 0, 0),
           ('hubspot_contact_credits', null, false, 0, 0, 0, 0),
           ('hubspot_bookings', null, false, 0, 0, 0, 0)$$,
  'an import begins with the exams, then come contacts, then what is linked with both');
select row_eq(
  $$select * from hubspot_sync.import_page('hubspot_mock_exams',
      jsonb_build_array(pg_temp.exam('1', '3'), pg_temp.exam('2', 'many')), '2')$$,
  row(1, 1), 'a page is applied, what is refused is counted');
select row_eq($$select * from places where table_name = 'hubspot_mock_exams'$$,
              row('hubspot_mock_exams'::text, '2'::text, false, 1, 2, 1, 1),
              'and the next begins behind it');
select row_eq('select table_name, hubspot_id, reason ~ ''^22023: capacity'', times
                 from hubspot_sync.list_refused()',
              row('hubspot_mock_exams'::text, '2'::text, true, 1), 'what was refused is listed');
select is((select count(*) from hubspot_sync.list_refused(1)), 1::bigint, 'as many as are asked for');
select throws_ok('select hubspot_sync.list_refused(0)', '22023', null, 'not none');

-- A record that is known in a newer version is read again.
insert into hubspot_sync.hubspot_contact_credits (id, hubspot_id, student_id, email)
values ('00000000-0000-4000-8000-000000000001', 'C-1', 'S-1', '1@example.com');
insert into hubspot_sync.sync_shadow (record, table_name, properties, version)
values ('00000000-0000-4000-8000-000000000001', 'hubspot_contact_credits', '{}',
        '2030-01-01 11:00+00');
select hubspot_sync.import_page('hubspot_contact_credits', '[{"id": "C-1", "updatedAt":
  "2030-01-01T10:00:00Z", "properties": {"student_id": "S-1", "email": "1@example.com"}}]', null);
select results_eq('select hubspot_id, kind from hubspot_sync.webhook_inbox',
                  $$values ('C-1', 'stale')$$, 'a state older than what is known is read again');

set local test.later = '3 hours';
select hubspot_sync.import_page('hubspot_mock_exams', '[]', null);
select hubspot_sync.import_page('hubspot_bookings', '[]', null);
select is((hubspot_sync.poll_state('poll', 'hubspot_bookings')).since,
          '2030-01-01 11:00+00'::timestamptz - hubspot_sync.setting('poll_overlap')::interval,
          'polls look from before the import began');
select results_eq('select table_name, read, applied, refused, here, seats_wrong
                     from hubspot_sync.import_summary()',
                  $$values ('hubspot_mock_exams', 2, 1, 1, 1::bigint, 0::bigint),
                           ('hubspot_contact_credits', 1, 0, 0, 1, null),
                           ('hubspot_bookings', 0, 0, 0, 0, null)$$,
                  'in the end both sides are counted');
set local session_replication_role = replica;
update hubspot_sync.exam_seats set taken = 2;
set local session_replication_role = origin;
select is((select seats_wrong from hubspot_sync.import_summary() limit 1), 1::bigint,
          'a counter that does not tell its bookings is found');
select is(hubspot_sync.finish_import(), 1, 'the figure of bookings follows the seats');
select is((select total_bookings from hubspot_sync.hubspot_mock_exams), 2, 'as HubSpot is told');
select is((select new_data from hubspot_sync.sync_queue
            where not synced and table_name = 'hubspot_mock_exams'),
          '{"total_bookings": "2"}'::jsonb, 'when it has it otherwise');

select is((select count(*) from places where not done), 3::bigint, 'a finished one begins anew');
select hubspot_sync.import_page('hubspot_mock_exams', '[]', '7');
select is((select count(*) from hubspot_sync.begin_import(true) p where p.after is null), 3::bigint,
          'and so does an unfinished one, if that is asked for');

select * from finish();
rollback;
