-- Names what should guard the tables and does not: a trigger, index or constraint that is gone,
-- disabled or not valid. A test holds the lists equal to what the migrations make.
create or replace function hubspot_sync.missing_guards()
  returns setof text
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_triggers constant text[] := array[
    'credit_ledger_append_only', 'hubspot_bookings_audit', 'hubspot_bookings_defaults_insert',
    'hubspot_bookings_defaults_update', 'hubspot_bookings_no_truncate',
    'hubspot_bookings_outbox', 'hubspot_bookings_outbox_insert', 'hubspot_bookings_seats_delete',
    'hubspot_bookings_seats_insert', 'hubspot_bookings_seats_update',
    'hubspot_bookings_unrefunded', 'hubspot_bookings_unrefunded_delete',
    'hubspot_contact_credits_audit', 'hubspot_contact_credits_cascade',
    'hubspot_contact_credits_ledger', 'hubspot_contact_credits_links_insert',
    'hubspot_contact_credits_links_update', 'hubspot_contact_credits_no_truncate',
    'hubspot_contact_credits_outbox', 'hubspot_contact_credits_outbox_insert',
    'hubspot_mock_exams_audit', 'hubspot_mock_exams_cascade', 'hubspot_mock_exams_defaults',
    'hubspot_mock_exams_no_truncate', 'hubspot_mock_exams_outbox',
    'hubspot_mock_exams_seats_insert', 'hubspot_mock_exams_seats_update', 'settings_time_zone',
    'settings_valid', 'event_log_append_only'];
  c_indexes constant text[] := array[
    'bookings_booking_id', 'bookings_one_active_per_day', 'bookings_one_active_per_exam',
    'credit_ledger_idempotency_key', 'credit_ledger_once_per_booking', 'exam_seats_pkey',
    'hubspot_bookings_idempotency_key_key', 'event_log_audit_id', 'event_log_pkey'];
  c_constraints constant text[] := array[
    'bookings_contact_fkey', 'bookings_exam_fkey', 'credit_ledger_adds_up',
    'credit_ledger_contact_fkey', 'credit_ledger_delta_not_zero', 'credit_ledger_not_negative',
    'credits_not_negative', 'exam_seats_capacity_not_negative', 'exam_seats_exam_fkey',
    'exam_seats_taken_not_negative', 'exams_capacity_not_negative', 'event_log_positive',
    'sync_queue_table_known', 'sync_queue_data_readable', 'sync_queue_attempts_counted',
    'sync_queue_times_real', 'sync_shadow_properties_readable', 'sync_status_state_readable'];
begin
  return query
    select t.name
      from unnest(c_triggers) t (name)
     where not exists (
       select from pg_trigger g
         join pg_class c on c.oid = g.tgrelid
        where c.relnamespace = 'hubspot_sync'::regnamespace
          and g.tgname = t.name
          and g.tgenabled in ('O', 'A'))
    union all
    select i.name
      from unnest(c_indexes) i (name)
     where not exists (
       select from pg_index x
         join pg_class c on c.oid = x.indexrelid
        where c.relnamespace = 'hubspot_sync'::regnamespace
          and c.relname = i.name
          and x.indisunique and x.indisvalid and x.indisready)
    union all
    select n.name
      from unnest(c_constraints) n (name)
     where not exists (
       select from pg_constraint c
        where c.connamespace = 'hubspot_sync'::regnamespace
          and c.conname = n.name
          and c.convalidated)
    union all
    -- Those that nobody named, such as the triggers of foreign keys.
    select c.relname || ' ' || g.tgname
      from pg_trigger g
      join pg_class c on c.oid = g.tgrelid
     where c.relnamespace = 'hubspot_sync'::regnamespace
       and g.tgname <> all (c_triggers)
       and g.tgenabled not in ('O', 'A')
    union all
    select c.relname::text
      from pg_index x
      join pg_class c on c.oid = x.indexrelid
     where c.relnamespace = 'hubspot_sync'::regnamespace
       and c.relname <> all (c_indexes)
       and not (x.indisvalid and x.indisready)
    union all
    select c.conname::text
      from pg_constraint c
     where c.connamespace = 'hubspot_sync'::regnamespace
       and c.conname <> all (c_constraints)
       and not c.convalidated;
end;
$$;

comment on function hubspot_sync.missing_guards() is
  'The names of triggers, unique indexes and constraints of hubspot_sync that the migrations '
  'made and that are gone, disabled or not valid.';
revoke execute on function hubspot_sync.missing_guards() from public, anon, authenticated;
