-- Removes the tables of the booking core, after its functions.
drop schema api;
drop table
  hubspot_sync.exam_seats, hubspot_sync.credit_types, hubspot_sync.admin_users,
  hubspot_sync.settings,
  hubspot_sync.credit_ledger, hubspot_sync.supabase_audit_log,
  hubspot_sync.sync_queue, hubspot_sync.sync_errors, hubspot_sync.sync_conflicts,
  hubspot_sync.sync_status, hubspot_sync.sync_shadow, hubspot_sync.field_owners,
  hubspot_sync.sync_pauses, hubspot_sync.hubspot_budget, hubspot_sync.hubspot_slots,
  hubspot_sync.hubspot_calls, hubspot_sync.event_log, hubspot_sync.event_groups,
  hubspot_sync.sync_notes, hubspot_sync.webhook_inbox,
  hubspot_sync.reconciliation_findings, hubspot_sync.reconciliations,
  hubspot_sync.reconciliation_seen;
drop sequence hubspot_sync.reconciliation_runs;
drop sequence hubspot_sync.sync_epochs;
drop sequence hubspot_sync.hubspot_tickets;
drop index
  hubspot_sync.idx_contacts_lower_email, hubspot_sync.idx_bookings_exempt_id,
  hubspot_sync.idx_bookings_exempt_student;
alter table hubspot_sync.hubspot_mock_exams drop column deleted_at;
alter table hubspot_sync.hubspot_contact_credits
  drop column merged_into, drop column deleted_at;
alter table hubspot_sync.hubspot_bookings drop column deleted_at;
drop index hubspot_sync.idx_exams_scheduled;

do $$
declare
  v_table text;
begin
  for v_table in
    select relname from pg_catalog.pg_class
     where relnamespace = 'hubspot_sync'::regnamespace and relkind = 'r'
  loop
    execute format('drop policy deny_direct_access on hubspot_sync.%I', v_table);
  end loop;
end
$$;
revoke usage on schema hubspot_sync from service_role;
comment on table hubspot_sync.hubspot_mock_exams is null;
comment on table hubspot_sync.hubspot_contact_credits is null;
comment on table hubspot_sync.hubspot_bookings is null;
