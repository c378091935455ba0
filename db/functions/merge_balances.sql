-- Adds to a contact's balances what was added to them in HubSpot, each edit once.
--
-- A booking here and a top-up there must both survive, also where one write has overwritten the
-- other in HubSpot. So the edits are read from the history of the property: every entry that is
-- not ours changes the balance here by as much as it changed the one there. How far the history
-- was taken into account is noted; the ledger's unique key refuses what would be taken twice.
--
-- What HubSpot had of a contact before it was made here as well counts, too, where it came here
-- without any. Where both have some it may be the same purchase: ours stands, and a conflict tells.
--
-- An entry dated far ahead of our clock would hide what comes later: it counts as old as the one
-- before it in HubSpot's list. So it is not taken; a conflict says so.
--
-- Our own entries are known by our id in the history. Until that is learnt (from an entry that is
-- a write HubSpot acknowledged) an application's entry with a value that we sent is ours.
create or replace function hubspot_sync.merge_balances(
  p_contact uuid,
  p_record jsonb
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_kept constant integer := 20;  -- the fewest values HubSpot keeps of a property
  v_latest timestamptz := hubspot_sync.clock() + interval '1 day';
  v_ours jsonb;
  v_shadow hubspot_sync.sync_shadow;
  v_source text := hubspot_sync.setting('hubspot_source_id');
  v_credit text;
  v_entries jsonb;
  v_theirs integer;
  v_base integer;
  v_open boolean;
  v_sent text[];
  v_seen timestamptz;
  v_start timestamptz;
  v_before integer;
  v_delta integer;
  v_former integer;  -- what HubSpot had before it knew of ours
  v_short integer;  -- what could not be taken away
  v_given_back integer;
  v_note text;
  v_entry record;
  v_again jsonb := jsonb_build_object();
begin
  select hubspot_sync.contact_properties(c) into v_ours
    from hubspot_sync.hubspot_contact_credits c where c.id = p_contact;
  select s.* into v_shadow from hubspot_sync.sync_shadow s where s.record = p_contact;
  for v_credit in
    select o.field
      from hubspot_sync.field_owners o
     where o.table_name = 'hubspot_contact_credits'
       and o.owner = 'sum'
       and p_record -> 'properties' ? o.field
       -- Where all three agree and no entry came since, there is nothing to take.
       and not coalesce(
             v_ours ->> o.field = v_shadow.properties ->> o.field
             and v_ours ->> o.field
                 = coalesce(nullif(p_record #>> array['properties', o.field], ''), '0')
             and v_shadow.seen ->> o.field is not null
             and jsonb_typeof(p_record -> 'propertiesWithHistory' -> o.field) = 'array'
             and not exists (
                   select from jsonb_array_elements(case
                            when jsonb_typeof(p_record -> 'propertiesWithHistory' -> o.field)
                                 = 'array'
                            then p_record -> 'propertiesWithHistory' -> o.field end) h
                    where hubspot_sync.parse_moment(h.value ->> 'timestamp', o.field)
                          > (v_shadow.seen ->> o.field)::timestamptz), false)
     order by o.field
  loop
    v_theirs := coalesce(
      hubspot_sync.parse_count(p_record #>> array['properties', v_credit], v_credit), 0);
    v_base := (v_shadow.properties ->> v_credit)::integer;
    v_entries := p_record #> array['propertiesWithHistory', v_credit];
    -- A row that was handed to a worker was sent with the balance of that moment: its own value, or
    -- what a later row found, or the present one.
    select count(*) > 0,
           case when bool_or(q.last_sync_attempt is not null)
             then array_agg(q.new_data ->> v_credit) || array_agg(q.old_data ->> v_credit)
                  || (v_ours ->> v_credit) end
      into v_open, v_sent
      from (select o.new_data, o.old_data, o.last_sync_attempt
              from hubspot_sync.sync_queue o
             where o.record = p_contact and not o.synced
            offset 0) q
     where q.new_data ? v_credit or q.new_data is null;
    perform hubspot_sync.note_shadow('hubspot_contact_credits', jsonb_build_array(
      jsonb_build_object('record', p_contact, 'version', v_shadow.version,
        'properties', jsonb_build_object(v_credit, v_theirs::text))));

    if coalesce(jsonb_array_length(v_entries), 0) = 0 then
      -- Without a history: the plain difference, unless a send of ours may be in between.
      v_note := 'its history is not known';
      v_short := case when v_theirs <> v_base and not v_open then
        hubspot_sync.take_top_up(p_contact, v_credit, v_theirs - v_base, v_note, null) end;
    else
      if v_source is null then
        v_source := hubspot_sync.learn_source(v_shadow.written, v_credit, v_entries);
        v_sent := v_sent || array(
          select w.value from jsonb_to_recordset(v_shadow.written) as w (credit text, value text)
           where w.credit = v_credit);
      end if;
      v_seen := (v_shadow.seen ->> v_credit)::timestamptz;
      v_start := v_seen;
      v_before := null;
      v_former := null;
      v_short := 0;
      for v_entry in
        select e.at, e.value, e.source, e.source_id, e.place, e.entries,
               e.source = 'INTEGRATION' and coalesce(case
                 when v_source is not null then e.source_id = v_source
                 -- Made anew after a merge, most likely by us.
                 when v_shadow.seen ->> v_credit = '-infinity' then true
                 else e.value::text = any (v_sent) end, false) as own
          from (select m.at,
                       coalesce(hubspot_sync.parse_count(m.value ->> 'value', v_credit), 0)
                         as value,
                       coalesce(m.value ->> 'sourceType', '') as source,
                       coalesce(m.value ->> 'sourceId', '') as source_id,
                       row_number() over (order by m.at, m.place desc) as place,
                       count(*) over () as entries
                  from (select h.value, h.place,
                               case when t.at <= v_latest then t.at
                                 else coalesce(max(t.at) filter (where t.at <= v_latest)
                                                 over (order by h.place desc), 'epoch')
                               end as at
                          from jsonb_array_elements(v_entries) with ordinality h (value, place)
                         cross join lateral (
                           select hubspot_sync.parse_moment(
                                    h.value ->> 'timestamp', v_credit)) t (at)
                         -- What was no number then, and was corrected since, is passed over.
                         where coalesce(h.value ->> 'value', '')
                                 ~ '^([+-]?[0-9]{1,9}([.]0*)?)?$') m) e
         order by e.place
      loop
        if v_before is null and v_entry.entries >= c_kept and v_entry.at > v_start then
          insert into hubspot_sync.sync_conflicts
            (entity, record, field, postgres_value, hubspot_value, decision)
          values ('hubspot_contact_credits', p_contact, v_credit, v_ours ->> v_credit,
                  v_entry.value::text,
                  format('ours: what HubSpot''s history had until %s is gone, so what was added'
                         ' then is not known', v_entry.at));
        elsif v_start is null then
          -- The first reading: what was there before our first write.
          if v_entry.own then
            v_start := v_entry.at;
            v_former := v_before;
          end if;
        elsif v_entry.at > v_start and not v_entry.own
              and (v_entry.source <> 'MERGE_OBJECTS'
                   or v_entry.at > coalesce((v_shadow.seen ->> '@merged')::timestamptz,
                                            '-infinity')) then
          -- A merge can begin a history anew: with what its contacts had. What an edit took away
          -- too much, the next may give back: a slip that was corrected.
          v_delta := v_entry.value - coalesce(
            v_before, case when v_entry.source = 'MERGE_OBJECTS' then v_base end, 0);
          if v_delta > 0 then
            v_given_back := least(v_short, v_delta);
            v_short := v_short - v_given_back;
            v_delta := v_delta - v_given_back;
          end if;
          v_note := format('in HubSpot by %s %s', v_entry.source, v_entry.source_id);
          v_short := v_short + hubspot_sync.take_top_up(
            p_contact, v_credit, v_delta, v_note, v_entry.at);
        end if;
        v_before := v_entry.value;
        v_seen := greatest(v_seen, v_entry.at);
      end loop;
      v_former := case when v_start is null then v_before else v_former end;
      -- Looked for at such a first reading alone: no index has the rows that were sent.
      if coalesce(v_former, 0) > 0
         and (select q.new_data ->> v_credit
                from hubspot_sync.sync_queue q
               where q.record = p_contact and q.operation = 'insert'
               order by q.id desc
               limit 1) = '0' then
        v_former := hubspot_sync.take_top_up(
          p_contact, v_credit, v_former, 'in HubSpot before it was made here', v_seen);
      elsif v_former > 0 or v_theirs::text is distinct from v_ours ->> v_credit then
        insert into hubspot_sync.sync_conflicts
          (entity, record, field, postgres_value, hubspot_value, decision)
        select 'hubspot_contact_credits', p_contact, v_credit, v_ours ->> v_credit,
               coalesce(v_former, v_theirs)::text, d.decision
          from (select case
                  when v_former > 0 or v_start is null
                    then 'ours: HubSpot had it before it knew of ours'
                  when hubspot_sync.parse_moment(v_entries -> 0 ->> 'timestamp', v_credit)
                       > v_latest
                    then 'ours: HubSpot dates its edit ahead, to '
                         || (v_entries -> 0 ->> 'timestamp')
                  end) d (decision)
         where d.decision is not null;
      end if;
      update hubspot_sync.sync_shadow s
         set seen = coalesce(s.seen, '{}') || jsonb_build_object(v_credit, v_seen)
       where s.record = p_contact;
    end if;
    if v_short > 0 then
      insert into hubspot_sync.sync_conflicts
        (entity, record, field, postgres_value, hubspot_value, decision)
      values ('hubspot_contact_credits', p_contact, v_credit, v_ours ->> v_credit,
              v_theirs::text,
              format('%s more was taken away %s than there is: stopped at 0', v_short, v_note));
    end if;
    -- What HubSpot holds and we do not is written again.
    if not v_open and exists (
         select from hubspot_sync.hubspot_contact_credits c
          where c.id = p_contact
            and hubspot_sync.contact_properties(c) ->> v_credit <> v_theirs::text)
       and not exists (
         select from hubspot_sync.sync_queue q
          where q.record = p_contact and not q.synced and q.new_data ? v_credit) then
      v_again := v_again || jsonb_build_object(v_credit, null);
    end if;
  end loop;
  if v_again <> '{}' then
    insert into hubspot_sync.sync_queue (table_name, record, operation, new_data)
    values ('hubspot_contact_credits', p_contact, 'resend', v_again);
  end if;
end;
$$;

comment on function hubspot_sync.merge_balances(uuid, jsonb) is
  'Takes the edits of a contact''s balances from what was read of it (p_record with '
  'propertiesWithHistory), of the fields whose owner is «sum». What HubSpot''s merge of two '
  'contacts of ours wrote counts for nothing. The contact is locked, and merge_record was called '
  'before. Raises 22023 for a value that is no whole number, or a balance out of range.';
revoke execute on function hubspot_sync.merge_balances(uuid, jsonb)
  from public, anon, authenticated;
