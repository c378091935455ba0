-- Whether an event of a webhook tells what HubSpot is known to hold anyway, mostly because it
-- tells of a write of ours: then its record need not be read.
--
-- What is known is the shadow, so a write counts once HubSpot acknowledged it. An event that comes
-- earlier is read. A value that is the same although somebody else wrote it changes nothing, but
-- for a balance: two may have added the same, so its writer counts as well. What an edit before
-- our write did has an event of its own; if that was lost, the next poll has the record read.
create or replace function hubspot_sync.is_echo(p_table text, p_hubspot_id text, p_event jsonb)
  returns boolean
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_kind text := substring(p_event ->> 'subscriptionType' from '[^.]*$');
  v_shadow hubspot_sync.sync_shadow;
  v_field text := p_event ->> 'propertyName';
  v_ours boolean;
begin
  if coalesce(v_kind, '') not in ('creation', 'propertyChange', 'associationChange') then
    return false;
  end if;
  select s.* into v_shadow
    from hubspot_sync.sync_shadow s
   where s.record = hubspot_sync.known_record(p_table, p_hubspot_id);
  if v_shadow.record is null or v_shadow.properties ?| array['@archived', '@gone'] then
    return false;
  end if;
  v_ours := coalesce(p_event ->> 'changeSource' = 'INTEGRATION'
    and p_event ->> 'sourceId' = hubspot_sync.setting('hubspot_source_id'), false);
  return coalesce(case v_kind
    when 'creation' then v_ours and v_shadow.acknowledged is not null
    when 'propertyChange' then
      v_shadow.properties ->> v_field = p_event ->> 'propertyValue'
      and (v_ours or not exists (
             select from hubspot_sync.field_owners o
              where o.table_name = p_table and o.field = v_field and o.owner = 'sum'))
    else
      p_table = 'hubspot_bookings'
      and (p_event ->> 'associationRemoved' = 'true') <> exists (
            select from unnest(array['@contact', '@exam']) l (field)
             where v_shadow.properties ->> l.field in
                     (p_event ->> 'fromObjectId', p_event ->> 'toObjectId'))
      and v_ours
  end, false);
end;
$$;

comment on function hubspot_sync.is_echo(text, text, jsonb) is
  'Whether the event p_event, of HubSpot''s record p_hubspot_id of a table, tells only what '
  'HubSpot is known to hold.';
revoke execute on function hubspot_sync.is_echo(text, text, jsonb)
  from public, anon, authenticated;
