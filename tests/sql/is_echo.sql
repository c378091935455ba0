begin;
select plan(24);

update hubspot_sync.settings set value = '7' where key = 'hubspot_source_id';
insert into hubspot_sync.hubspot_mock_exams (hubspot_id, capacity) values ('11', 3), ('12', 3);
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email)
values ('13', 'S-13', 's@example.com');
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, student_id, student_email)
values ('14', 'BK-14', '11', 'S-13', 's@example.com');
insert into hubspot_sync.sync_shadow (record, table_name, properties, version, acknowledged)
select e.id, 'hubspot_mock_exams', '{"location": "Leeds", "total_bookings": "4"}'::jsonb,
       '2030-01-01'::timestamptz, '2030-01-01'::timestamptz
  from hubspot_sync.hubspot_mock_exams e where e.hubspot_id = '11'
union all
select c.id, 'hubspot_contact_credits', '{"sj_credits": "4", "lastname": "Ada"}', '2030-01-01',
       '2030-01-01'
  from hubspot_sync.hubspot_contact_credits c
union all
select b.id, 'hubspot_bookings', '{"attendance": "Yes", "@contact": "13", "@exam": "11"}',
       '2030-01-01', null
  from hubspot_sync.hubspot_bookings b;
create function pg_temp.changed(
  p_table text, p_id text, p_name text, p_value text, p_source text default 'CRM_UI/userId:1',
  p_kind text default 'propertyChange'
) returns boolean language sql as $$
  select hubspot_sync.is_echo('hubspot_' || p_table, p_id, jsonb_build_object(
    'subscriptionType', 'object.' || p_kind, 'propertyName', p_name, 'propertyValue', p_value,
    'changeSource', split_part(p_source, '/', 1), 'sourceId', split_part(p_source, '/', 2)))
$$;
create function pg_temp.linked(p_other text, p_removed boolean, p_source text default '7')
  returns boolean language sql as $$
  select hubspot_sync.is_echo('hubspot_bookings', '14', jsonb_build_object(
    'subscriptionType', 'object.associationChange', 'fromObjectId', p_other::bigint,
    'toObjectId', 14, 'associationRemoved', p_removed, 'changeSource', 'INTEGRATION',
    'sourceId', p_source))
$$;

-- Values --------------------------------------------------------------------------------------
select is(pg_temp.changed('mock_exams', '11', 'location', 'Leeds'), true,
          'a value that HubSpot is known to hold tells nothing, whoever wrote it');
select is(pg_temp.changed('mock_exams', '11', 'location', 'York'), false, 'another one does');
select is(pg_temp.changed('mock_exams', '11', 'location', 'York', 'INTEGRATION/7'), false,
          'also one of ours that was not acknowledged');
select is(pg_temp.changed('mock_exams', '11', 'capacity', '3'), false,
          'so does a value that HubSpot is not known to hold');
select is(pg_temp.changed('mock_exams', '11', 'location', null), false, 'or none');
select is(pg_temp.changed('mock_exams', '12', 'location', 'Leeds'), false,
          'a record of which nothing is known is read');
select is(pg_temp.changed('mock_exams', '99', 'location', 'Leeds'), false,
          'and one that is not here');
select is(pg_temp.changed('bookings', '11', 'location', 'Leeds'), false,
          'the same id in another table is another record');
select is(pg_temp.changed('contact_credits', '13', 'lastname', 'Ada'), true, 'a contact''s name');
select is(pg_temp.changed('contact_credits', '13', 'sj_credits', '4'), false,
          'the same balance may be another edit');
select is(pg_temp.changed('contact_credits', '13', 'sj_credits', '4', 'INTEGRATION/8'), false,
          'of another application, too');
select is(pg_temp.changed('contact_credits', '13', 'sj_credits', '4', 'INTEGRATION/7'), true,
          'unless we wrote it');
select is(pg_temp.changed('contact_credits', '13', 'sj_credits', '5', 'INTEGRATION/7'), false,
          'and it was acknowledged');
select is(pg_temp.changed('bookings', '14', 'attendance', 'Yes'), true, 'a booking''s value');

-- Other events --------------------------------------------------------------------------------
select is(pg_temp.changed('mock_exams', '11', null, null, 'INTEGRATION/7', 'creation'), true,
          'that we made a record is known once it was acknowledged');
select is(pg_temp.changed('bookings', '14', null, null, 'INTEGRATION/7', 'creation'), false,
          'not before');
select is(pg_temp.changed('mock_exams', '11', null, null, 'INTEGRATION/8', 'creation'), false,
          'what another made is read');
select is(pg_temp.linked('13', false), true, 'a link we made is known');
select is(pg_temp.linked('12', false), false, 'one that we do not know of is read');
select is(pg_temp.linked('12', true), true, 'that a former one has ended is known');
select is(pg_temp.linked('13', true), false, 'the end of the present one is read');
select is(pg_temp.linked('13', false, '8'), false, 'and what another linked');
select is(pg_temp.changed('mock_exams', '11', 'location', 'Leeds', 'INTEGRATION/7', 'deletion'),
          false, 'a deletion is read');
update hubspot_sync.sync_shadow set properties = properties || '{"@archived": "true"}';
select is(pg_temp.changed('mock_exams', '11', 'location', 'Leeds'), false,
          'a record that counts as deleted is read: it may be there again');

select * from finish();
rollback;
