-- Which records of HubSpot an event of a webhook speaks of.
--
-- An association is kept with its booking, so a change of one concerns that alone. HubSpot does
-- not always tell both sides' types: then a booking is known by its id. `rows 1`: at the thousand
-- rows that Postgres assumes, it compiles the statement of store_events anew for every request.
create or replace function hubspot_sync.event_records(p_event jsonb, p_types jsonb)
  returns table (table_name text, hubspot_id text)
  language plpgsql
  stable
  rows 1
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_kind text := substring(p_event ->> 'subscriptionType' from '[^.]*$');
  v_type text := coalesce(
    p_event ->> 'objectTypeId',
    case when p_event ->> 'subscriptionType' like 'contact.%' then '0-1' end);
begin
  if v_kind = 'associationChange' then
    return query
      select distinct 'hubspot_bookings', s.id
        from (values
               (coalesce(p_event ->> 'fromObjectTypeId', v_type),
                coalesce(p_event ->> 'fromObjectId', p_event ->> 'objectId')),
               (p_event ->> 'toObjectTypeId', p_event ->> 'toObjectId')) s (type, id)
       where s.id ~ '^[1-9][0-9]{0,18}$'
         and case when s.type is not null
               then p_types ->> s.type = 'hubspot_bookings'
               else exists (select from hubspot_sync.hubspot_bookings b
                             where b.hubspot_id = s.id) end;
  elsif v_kind = 'merge' then
    return query
      select distinct p_types ->> v_type, m.id
        from (select p_event ->> f.name
                from unnest(array['primaryObjectId', 'newObjectId', 'objectId']) f (name)
              union all
              select i.value
                from jsonb_array_elements_text(
                       case when jsonb_typeof(p_event -> 'mergedObjectIds') = 'array'
                         then p_event -> 'mergedObjectIds' else '[]' end) i) m (id)
       where m.id ~ '^[1-9][0-9]{0,18}$'
         and p_types ? v_type;
  else
    return query
      select p_types ->> v_type, p_event ->> 'objectId'
       where p_event ->> 'objectId' ~ '^[1-9][0-9]{0,18}$'
         and p_types ? v_type;
  end if;
end;
$$;

comment on function hubspot_sync.event_records(jsonb, jsonb) is
  'The records that are to be read again because of an event: of a merge all that took part in '
  'it, of a changed association its booking. None where the event names none, or none of a type '
  'in p_types ({objectTypeId: table}).';
revoke execute on function hubspot_sync.event_records(jsonb, jsonb)
  from public, anon, authenticated;
