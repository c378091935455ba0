-- Nothing here is for a client: functions of schema api are the only door.
do $$
declare
  v_table text;
begin
  for v_table in
    select relname from pg_catalog.pg_class
     where relnamespace = 'hubspot_sync'::regnamespace and relkind = 'r'
  loop
    execute format('alter table hubspot_sync.%I enable row level security', v_table);
    execute format('create policy deny_direct_access on hubspot_sync.%I'
                   ' to anon, authenticated using (false) with check (false)', v_table);
    execute format('revoke all on hubspot_sync.%I from public, anon, authenticated', v_table);
  end loop;
end
$$;
revoke all on all sequences in schema hubspot_sync from public, anon, authenticated;
revoke all on schema hubspot_sync from public, anon, authenticated;
-- What default privileges of this schema would hand out is granted by name instead.
alter default privileges in schema hubspot_sync
  revoke all on tables from anon, authenticated, service_role;
alter default privileges in schema hubspot_sync
  revoke all on sequences from anon, authenticated, service_role;
alter default privileges in schema hubspot_sync
  revoke all on functions from anon, authenticated, service_role;
revoke all on
  hubspot_sync.exam_seats, hubspot_sync.credit_types, hubspot_sync.admin_users,
  hubspot_sync.settings, hubspot_sync.credit_ledger, hubspot_sync.supabase_audit_log,
  hubspot_sync.sync_queue, hubspot_sync.sync_errors, hubspot_sync.sync_conflicts,
  hubspot_sync.sync_status, hubspot_sync.sync_shadow, hubspot_sync.field_owners,
  hubspot_sync.sync_pauses, hubspot_sync.hubspot_budget, hubspot_sync.hubspot_slots,
  hubspot_sync.hubspot_calls, hubspot_sync.event_log, hubspot_sync.event_groups,
  hubspot_sync.sync_notes, hubspot_sync.webhook_inbox,
  hubspot_sync.reconciliations, hubspot_sync.reconciliation_findings,
  hubspot_sync.reconciliation_seen
  from service_role;

-- Rights on the old tables that writing rows does not need, and that would let their holder's code
-- run with our rights (a trigger) or pass by it (truncate).
do $$
declare
  v_grant record;
begin
  for v_grant in
    select distinct c.relname, a.grantee, a.privilege_type
      from pg_catalog.pg_class c
     cross join lateral pg_catalog.aclexplode(c.relacl) a
     where c.relnamespace = 'hubspot_sync'::regnamespace
       and c.relkind = 'r'
       and a.grantee <> c.relowner
       and a.privilege_type in ('TRIGGER', 'TRUNCATE', 'REFERENCES', 'MAINTAIN')
  loop
    execute format('revoke %s on hubspot_sync.%I from %s', v_grant.privilege_type,
                   v_grant.relname,
                   case v_grant.grantee when 0 then 'public'
                     else v_grant.grantee::regrole::text end);
  end loop;
end
$$;

create schema api;
comment on schema api is 'What an app may call: functions and the types they answer with.';
grant usage on schema api to authenticated, service_role;
grant usage on schema hubspot_sync to service_role;
