begin;
select plan(27);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return '2030-01-01 12:00+00'::timestamptz + current_setting('test.later')::interval;
set local test.later = '0';
create function pg_temp.id(p_number integer) returns uuid language sql immutable as
  $$select ('00000000-0000-4000-8000-' || lpad(p_number::text, 12, '0'))::uuid$$;
insert into hubspot_sync.hubspot_mock_exams
  (id, hubspot_id, mock_type, exam_date, capacity, is_active, scheduled_activation_at)
values (pg_temp.id(1), 'E-1', 'Mini-mock', '2031-01-01', 5, 'yes', '2030-06-01 10:00+02');
insert into hubspot_sync.hubspot_contact_credits
  (id, hubspot_id, student_id, email, firstname, sj_credits)
values (pg_temp.id(2), 'C-1', 'S-1', 'Ann@Example.com', 'Ann', 5);
insert into hubspot_sync.hubspot_bookings
  (id, hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active)
values (pg_temp.id(3), 'B-1', 'BK-1', 'E-1', 'C-1', 'S-1', 'Ann@Example.com', 'Active');
do 'begin delete from hubspot_sync.sync_queue; end';
create temp table run as select hubspot_sync.begin_reconciliation(true) as run;
-- One record compared: what came of it, and the fields that differ.
create function pg_temp.compared(p_table text, p_id text, p_properties text, p_more text default '{}')
  returns text language plpgsql as $$
declare
  v record;
  v_fields text;
begin
  delete from hubspot_sync.reconciliation_findings;
  select * into v from hubspot_sync.compare_records((select run from run), 'hubspot_' || p_table,
    jsonb_build_array(jsonb_build_object('id', p_id, 'updatedAt', '2030-01-01T11:00:00Z',
      'properties', p_properties::jsonb) || p_more::jsonb));
  select f.finding || coalesce(' ' || array_to_string(f.fields, ','), '') into v_fields
    from hubspot_sync.reconciliation_findings f;
  return coalesce(v_fields, case when v.equal = 1 then 'equal' else 'on its way' end);
end
$$;

-- One spelling ------------------------------------------------------------------------------
select is(pg_temp.compared(t.kind, t.id, t.properties), t.came, t.fact)
  from (values
    ('mock_exams', 'E-1', '{"capacity": "5.0", "exam_date": "1925078400000"}', 'differing exam_date',
     'milliseconds of another day differ'),
    ('mock_exams', 'E-1', '{"capacity": "5.0", "exam_date": "1924992000000", "mock_set": null}',
     'equal', 'a number, a day and nothing are equal in any spelling'),
    ('mock_exams', 'E-1', '{"is_active": "TRUE", "scheduled_activation_at": "1906531200000"}',
     'equal', 'so are a state and a moment'),
    ('mock_exams', 'E-1', '{"is_active": "false", "location": "Leeds"}',
     'differing is_active,location', 'what differs is named'),
    ('mock_exams', 'E-1', '{"capacity": "many"}', 'differing', 'what cannot be read differs'),
    ('mock_exams', 'E-2', '{}', 'missing_here', 'what is not known here is missing'),
    ('contact_credits', 'C-1', '{"email": "ann@example.com", "cs_credits": ""}', 'equal',
     'the case of an email is none'),
    ('contact_credits', 'C-1', '{"email": "bob@example.com"}', 'differing email',
     'another email is'),
    ('contact_credits', 'C-1', '{"sj_credits": "6"}', 'differing sj_credits',
     'so is another balance'),
    ('bookings', 'B-1', '{"is_active": "active", "student_email": "ann@example.com"}', 'equal',
     'a status is one in any spelling'),
    ('bookings', 'B-1', '{"is_active": "Cancelled"}', 'differing is_active', 'another is not')
  ) as t (kind, id, properties, came, fact);

-- Links -------------------------------------------------------------------------------------
select is(pg_temp.compared('bookings', 'B-1', '{}', t.links), t.came, t.fact)
  from (values
    ('{"associations": {"contacts": ["C-1"], "exams": ["E-1", "E-9"]}}', 'equal',
     'a booking has its links, whatever others'),
    ('{"associations": {"contacts": [], "exams": ["E-9"]}}', 'differing @contact,@exam',
     'a link that is not there differs'),
    ('{}', 'equal', 'links that were not asked for are not compared')
  ) as t (links, came, fact);

-- What is no difference ---------------------------------------------------------------------
insert into hubspot_sync.sync_queue (table_name, record, operation, new_data)
values ('hubspot_contact_credits', pg_temp.id(2), 'update', '{"firstname": "Ann"}');
select is(pg_temp.compared('contact_credits', 'C-1', '{"firstname": "Anna"}'), 'on its way',
          'what the outbox holds is on its way');
select is(pg_temp.compared('contact_credits', 'C-1', '{"firstname": "Anna", "sj_credits": "1"}'),
          'differing sj_credits', 'that field alone');
update hubspot_sync.sync_queue set dead_at = hubspot_sync.clock() where not synced;
select is(pg_temp.compared('contact_credits', 'C-1', '{"firstname": "Anna"}'),
          'differing firstname', 'a dead letter goes nowhere');
insert into hubspot_sync.sync_shadow (record, table_name, properties, let_be)
values (pg_temp.id(2), 'hubspot_contact_credits', '{}', '{firstname}');
select is(pg_temp.compared('contact_credits', 'C-1', '{"firstname": "Anna"}'), 'equal',
          'what somebody let be is accepted');

-- Signals -----------------------------------------------------------------------------------
select results_eq(
  'select table_name, hubspot_id, kind from hubspot_sync.webhook_inbox order by 1, 2',
  $$values ('hubspot_bookings', 'B-1', 'reconcile'), ('hubspot_contact_credits', 'C-1', 'reconcile'),
           ('hubspot_mock_exams', 'E-1', 'reconcile'), ('hubspot_mock_exams', 'E-2', 'reconcile')$$,
  'what differs, or is not here, is asked for once');
update hubspot_sync.webhook_inbox set dead_at = hubspot_sync.clock();
select is(pg_temp.compared('mock_exams', 'E-1', '{"capacity": "7"}'), 'differing capacity',
          'what differs stays a finding');
select is((select count(*) from hubspot_sync.webhook_inbox where dead_at is null), 0::bigint,
          'but what could not be read in this version is not asked for again');

-- The figure of bookings ---------------------------------------------------------------------
update hubspot_sync.hubspot_mock_exams set total_bookings = 3;
do 'begin delete from hubspot_sync.sync_queue; end';
select is(pg_temp.compared('mock_exams', 'E-1', '{"total_bookings": "3.0"}'), 'equal',
          'the figure of bookings is never read');
select is_empty('select * from hubspot_sync.sync_queue', 'where it is right nothing is sent');
select is(pg_temp.compared('mock_exams', 'E-1', '{"total_bookings": "8"}'), 'equal',
          'where it is wrong');
select results_eq('select operation, new_data from hubspot_sync.sync_queue',
                  $$values ('resend', '{"total_bookings": null}'::jsonb)$$, 'it is sent once more');

select throws_ok($$select hubspot_sync.compare_records(-1, 'hubspot_mock_exams', '[]')$$, '22023',
                 null, 'a comparison must have begun');
select throws_ok($$select hubspot_sync.compare_records((select run from run), 'sync_notes', '[]')$$,
                 '22023', null, 'notes are not compared');

select * from finish();
rollback;
