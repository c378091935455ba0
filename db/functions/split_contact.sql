-- A contact that HubSpot had merged into another exists there once more: one of our writes made it
-- anew before we heard of the merge, or somebody undid it. It is a contact again, with no credit of
-- what went to the other: only what somebody gives it there from now on counts.
create or replace function hubspot_sync.split_contact(p_contact uuid)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into hubspot_sync.sync_conflicts
    (entity, record, field, postgres_value, hubspot_value, decision)
  select 'hubspot_contact_credits', c.id, 'merged_into', k.student_id, c.student_id,
         'HubSpot''s: it has both again; bookings and credits stay with the other'
    from hubspot_sync.hubspot_contact_credits c
    join hubspot_sync.hubspot_contact_credits k on k.id = c.merged_into
   where c.id = p_contact;
  insert into hubspot_sync.sync_shadow as s (record, table_name, properties, seen)
  values (p_contact, 'hubspot_contact_credits', '{}', (
    select jsonb_object_agg(o.field, '-infinity')
      from hubspot_sync.field_owners o
     where o.table_name = 'hubspot_contact_credits' and o.owner = 'sum'))
  on conflict (record) do update
     set properties = excluded.properties, seen = excluded.seen, version = null,
         acknowledged = null, read_version = null;
  update hubspot_sync.hubspot_contact_credits c
     set merged_into = null, deleted_at = null, updated_at = hubspot_sync.clock()
   where c.id = p_contact;
end;
$$;

comment on function hubspot_sync.split_contact(uuid) is
  'Takes back that a contact was merged into another. Its balances stay 0: of HubSpot''s history '
  'of them only entries of others than us count. The contact is locked.';
revoke execute on function hubspot_sync.split_contact(uuid) from public, anon, authenticated;
