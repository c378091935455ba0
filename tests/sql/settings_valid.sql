begin;
select plan(92);

create temp table before as table hubspot_sync.settings;
create function pg_temp.set_to(p_key text, p_value text) returns text language plpgsql as $$
declare
  v_hint text;
begin
  update hubspot_sync.settings set value = p_value where key = p_key;
  return 'taken';
exception when others then
  get stacked diagnostics v_hint = pg_exception_hint;
  return case when v_hint = '' then sqlstate || ' without a hint' else sqlstate end;
end
$$;
savepoint sound;
select is(pg_temp.set_to(t.key, t.value), t.came, format('%s = %L: %s', t.key, left(t.value, 40),
                                                         t.came))
  from (values
    ('time_zone', null, '22023'), ('time_zone', '', '22023'), ('time_zone', '  ', '22023'),
    ('time_zone', 'Europe/Londn', '22023'), ('time_zone', '''; drop table x; --', '22023'),
    ('time_zone', repeat('x', 1000000), '22023'),
    ('cancellation_cutoff', '', '22023'), ('cancellation_cutoff', 'a while', '22023'),
    ('cancellation_cutoff', '1 day; drop table x', '22023'), ('cancellation_cutoff', '$$', '22023'),
    ('cancellation_cutoff', '99999999999999999999 days', '22023'),
    ('cancellation_cutoff', '1e400 days', '22023'),
    ('cancellation_cutoff', '1000000000 years', '22023'),
    ('backoff_base', null, '22023'), ('backoff_base', 'soon', '22023'),
    ('backoff_max', null, '22023'), ('backoff_max', '-', '22023'),
    ('longest_request', null, '22023'), ('longest_request', '1 furlong', '22023'),
    ('retention_queue', null, '22023'), ('retention_queue', 'a week or so', '22023'),
    ('retention_errors', null, '22023'), ('retention_errors', '', '22023'),
    ('max_sync_attempts', null, '22023'), ('max_sync_attempts', '', '22023'),
    ('max_sync_attempts', '3.5', '22023'), ('max_sync_attempts', 'three', '22023'),
    ('notes', null, '22023'), ('notes', 'maybe', '22023'), ('notes_every', 'often', '22023'),
    ('max_sync_attempts', '2147483648', '22023'), ('max_sync_attempts', '3; drop table x', '22023'),
    ('urgent_reserve', null, '22023'), ('urgent_reserve', 'some', '22023'),
    ('daily_call_cap', '', '22023'), ('daily_call_cap', '1.5', '22023'),
    ('hubspot_time_zone', null, '22023'), ('hubspot_time_zone', 'Mars/Base', '22023'),
    ('counted_within', '', '22023'), ('counted_within', 'soon', '22023'),
    ('stream_length', null, '22023'), ('stream_length', 'all', '22023'),
    ('poll_overlap', null, '22023'), ('poll_overlap', 'some', '22023'),
    ('poll_recent', null, '22023'), ('poll_every_min', '', '22023'),
    ('poll_every_max', 'often', '22023'),
    ('read_after', 'soon', '22023')
  ) as t (key, value, came);
select results_eq('table hubspot_sync.settings', 'table before', 'a refusal changes nothing');
select is(pg_temp.set_to(t.key, t.value), 'taken', format('%s = %L is taken', t.key, t.value))
  from (values
    ('time_zone', 'Europe/London'), ('time_zone', 'UTC'), ('cancellation_cutoff', '24 hours'),
    ('cancellation_cutoff', '0'), ('cancellation_cutoff', null), ('cancellation_cutoff', 'P1D'),
    ('backoff_base', '1 second'), ('max_sync_attempts', ' 5 '), ('max_sync_attempts', '2147483647'),
    ('urgent_reserve', '0'), ('daily_call_cap', '0'), ('daily_call_cap', null),
    ('hubspot_time_zone', 'America/New_York'), ('counted_within', null), ('counted_within', '0'),
    ('stream_length', '1'), ('poll_overlap', '5 minutes'), ('poll_recent', '0'),
    ('poll_every_min', '1 second')
  ) as t (key, value);
select throws_ok(
  $$insert into hubspot_sync.settings values ('own', null, 'Of our own.')$$, '22023', null,
  'a setting of one''s own needs a value, too');
select lives_ok($$insert into hubspot_sync.settings values ('own', 'anything', 'Of our own.')$$,
                'which may be anything');
rollback to sound;
-- Without these no booking could be made, or none refused.
select throws_ok(format('delete from hubspot_sync.settings where key = %L', key), '22023', null,
                 format('the setting %s cannot be deleted', key))
  from before where key = 'time_zone';
rollback to sound;
select throws_ok($$update hubspot_sync.settings set key = 'zone' where key = 'time_zone'$$, '22023',
                 null, 'nor can it lose its name');
rollback to sound;
select is(pg_temp.set_to(t.key, t.value), '22023',
          format('%s = %s can be read and would still be wrong', t.key, t.value))
  from (values
    ('cancellation_cutoff', '-1 day'), ('cancellation_cutoff', 'infinity'),
    ('stream_length', '0'), ('max_sync_attempts', '0'), ('max_sync_attempts', '-1'),
    ('backoff_base', '-1 second'), ('backoff_base', '0'), ('backoff_max', '0'), ('longest_request', '-1 second'),
    ('retention_queue', '-1 day'), ('retention_errors', 'infinity'),
    ('poll_overlap', '299 seconds'), ('poll_recent', '-1 day'), ('poll_every_min', '0'),
    ('poll_every_max', '-1 hour'), ('read_after', '-1 hour'), ('urgent_reserve', '-1'), ('daily_call_cap', '-1'), ('counted_within', '-1 second')
  ) as t (key, value);
rollback to sound;
-- The exams' starts follow the zone, whoever changes it.
insert into hubspot_sync.hubspot_mock_exams (hubspot_id, exam_date, start_time, capacity)
values ('E-1', '2030-02-01', '09:00', 3);
update hubspot_sync.settings set value = 'America/New_York' where key = 'time_zone';
select is((select e.starts_at from hubspot_sync.hubspot_mock_exams e),
          '2030-02-01 14:00+00'::timestamptz,
          'with another time zone the exams that are here start at another moment');

select * from finish();
rollback;
