-- Takes back that a record was deleted in HubSpot: its recycling bin gave it back, or it was made
-- anew.
create or replace function hubspot_sync.revive(p_table text, p_record uuid)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  update hubspot_sync.sync_shadow s
     set properties = s.properties - '@archived'
   where s.record = p_record and s.properties ? '@archived';
  if p_table = 'hubspot_mock_exams' then
    update hubspot_sync.hubspot_mock_exams e
       set deleted_at = null, updated_at = hubspot_sync.clock()
     where e.id = p_record and e.deleted_at is not null;
  elsif p_table = 'hubspot_contact_credits' then
    update hubspot_sync.hubspot_contact_credits c
       set deleted_at = null, updated_at = hubspot_sync.clock()
     where c.id = p_record and c.deleted_at is not null and c.merged_into is null;
  else
    update hubspot_sync.hubspot_bookings b
       set deleted_at = null, updated_at = hubspot_sync.clock()
     where b.id = p_record and b.deleted_at is not null;
  end if;
end;
$$;

comment on function hubspot_sync.revive(text, uuid) is
  'Ends the mark that a record was deleted in HubSpot. A booking that was cancelled by the '
  'deletion stays so.';
revoke execute on function hubspot_sync.revive(text, uuid) from public, anon, authenticated;
