-- Cancels bookings that are locked and may be cancelled, with their contacts locked, too: each
-- credit goes back to where it came from, once, and all seats are free again.
--
-- One statement changes all of them, so that the counters are taken last and in order.
create or replace function hubspot_sync.release_bookings(p_bookings uuid[], p_reason text)
  returns setof hubspot_sync.hubspot_bookings
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_booking hubspot_sync.hubspot_bookings;
  v_contact uuid;
  v_credit text;
begin
  for v_booking in
    select b.* from hubspot_sync.hubspot_bookings b where b.id = any (p_bookings) order by b.id
  loop
    -- The ledger knows who paid and what; of a booking older than it, the booking does.
    select l.contact, l.credit
      into v_contact, v_credit
      from hubspot_sync.credit_ledger l
     where l.booking = v_booking.id and l.reason = 'booking';
    -- Whom HubSpot merged away has no balances any more.
    v_contact := (hubspot_sync.kept_contact(coalesce(v_contact, v_booking.contact))).id;
    v_credit := coalesce(
      v_credit,
      case when v_booking.token_used = 'Shared Token' then 'shared_mock_credits' end,
      (select t.credit from hubspot_sync.credit_types t
        where t.token_name = v_booking.token_used));
    if exists (select from hubspot_sync.credit_ledger l
                where l.booking = v_booking.id and l.reason = 'refund') then
      v_credit := null;  -- given back already; somebody made the booking active again
    end if;
    if v_credit is not null and v_contact is not null then
      perform hubspot_sync.change_credit(v_contact, v_credit, 1, 'refund', v_booking.id);
    else
      insert into hubspot_sync.sync_conflicts (entity, record, field, decision)
      values ('hubspot_bookings', v_booking.id, 'token_used',
              format('no credit given back for %s: given back before, or unknown'
                     ' (token_used is %s, contact is %s)',
                     v_booking.booking_id, coalesce(v_booking.token_used, 'null'),
                     coalesce(v_booking.contact::text, 'null')));
    end if;
  end loop;

  perform set_config('hubspot_sync.reason', coalesce(p_reason, ''), true);
  return query
    update hubspot_sync.hubspot_bookings b
       set is_active = 'Cancelled', updated_at = hubspot_sync.clock()
     where b.id = any (p_bookings)
    returning b.*;
  perform set_config('hubspot_sync.reason', '', true);
end;
$$;

comment on function hubspot_sync.release_bookings(uuid[], text) is
  'Cancels active bookings (hubspot_bookings.id), refunds each once and answers them as they '
  'are then. The caller has locked their contacts and them, in this order, and looked whether '
  'they may be cancelled. A booking whose token_used or contact is unknown, or that was '
  'refunded before, gets nothing back; sync_conflicts says so.';
revoke execute on function hubspot_sync.release_bookings(uuid[], text)
  from public, anon, authenticated;
