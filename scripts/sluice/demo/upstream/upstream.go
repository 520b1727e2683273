// Package upstream is the backend of the demo: a small shop's orders and products, in memory, with the contract that it
// is published under. It knows nothing of the gateway in front of it.
package upstream

import (
	"cmp"
	_ "embed" // the contract
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

//go:embed orders.openapi.yaml
var contract []byte

// Contract is the OpenAPI document of the shop, as YAML.
func Contract() []byte { return slices.Clone(contract) }

const (
	maxBodyBytes = 1 << 20
	maxOrders    = 10_000 // the oldest are forgotten
	firstNumber  = 10_001
	standard     = 20 // orders in a list
	maxList      = 100
)

// Line is one product of an order.
type Line struct {
	Product  string `json:"product"`
	Quantity int    `json:"quantity"`
}

// Order is what a customer bought.
type Order struct {
	ID       string    `json:"id"`
	Customer string    `json:"customer"`
	Status   string    `json:"status"`
	Placed   time.Time `json:"placed"`
	Lines    []Line    `json:"lines"`
	Cents    int       `json:"cents"`
}

// Product is what there is to buy.
type Product struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Cents int    `json:"cents"`
}

// Shop answers for its orders and products.
type Shop struct {
	now      func() time.Time
	products []Product

	mu     sync.Mutex
	orders []Order // the oldest first
	next   int
}

// NewShop opens a shop that has been selling for two weeks.
func NewShop(now func() time.Time) *Shop {
	s := &Shop{now: now, next: firstNumber, products: []Product{
		{"P-100", "Chef's knife, 20 cm", 8900}, {"P-110", "Paring knife", 2450}, {"P-120", "Whetstone, 1000/6000", 4200},
		{"P-200", "Cast-iron pan, 28 cm", 3990}, {"P-210", "Carbon-steel wok", 5400}, {"P-220", "Saucepan with lid, 2 l", 4750},
		{"P-300", "Mixing bowl, set of three", 2990}, {"P-310", "Kitchen scale", 3450}, {"P-400", "Linen towel", 1290}}}
	states := []string{"delivered", "delivered", "delivered", "shipped", "cancelled", "paid", "placed"}
	const past = 42
	for i := range past {
		lines := []Line{{s.products[(i*5)%len(s.products)].ID, 1 + i%3}}
		if i%4 == 1 {
			lines = append(lines, Line{s.products[(i*7+2)%len(s.products)].ID, 1})
		}
		status := states[i*len(states)/past]
		if i%9 == 4 {
			status = "cancelled"
		}
		s.add(Order{Customer: fmt.Sprintf("C-%04d", 1001+(i*11)%17), Status: status, Lines: lines,
			Placed: now().UTC().Truncate(time.Minute).Add(-time.Duration(past-i) * 8 * time.Hour)})
	}
	return s
}

func (s *Shop) add(o Order) Order {
	o.ID = fmt.Sprintf("O-%05d", s.next)
	s.next++
	for _, l := range o.Lines {
		if p, ok := s.product(l.Product); ok {
			o.Cents += p.Cents * l.Quantity
		}
	}
	if s.orders = append(s.orders, o); len(s.orders) > maxOrders {
		s.orders = slices.Delete(s.orders, 0, 1)
	}
	return o
}

func (s *Shop) product(id string) (Product, bool) {
	i := slices.IndexFunc(s.products, func(p Product) bool { return p.ID == id })
	if i < 0 {
		return Product{}, false
	}
	return s.products[i], true
}

func (s *Shop) order(id string) int {
	return slices.IndexFunc(s.orders, func(o Order) bool { return o.ID == id })
}

// Handler serves the shop by its contract.
func (s *Shop) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders", s.listOrders)
	mux.HandleFunc("POST /orders", s.placeOrder)
	mux.HandleFunc("GET /orders/{order}", s.readOrder)
	mux.HandleFunc("DELETE /orders/{order}", s.cancelOrder)
	mux.HandleFunc("GET /products", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"items": s.products})
	})
	mux.HandleFunc("GET /products/{product}", func(w http.ResponseWriter, r *http.Request) {
		p, ok := s.product(r.PathValue("product"))
		if !ok {
			refuse(w, http.StatusNotFound, "there is no such product")
			return
		}
		answer(w, http.StatusOK, p)
	})
	mux.HandleFunc("GET /reports/revenue", s.readRevenue)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusNotFound, "there is no such page") })
	return mux
}

func (s *Shop) listOrders(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit, err := strconv.Atoi(cmp.Or(q.Get("limit"), strconv.Itoa(standard)))
	if err != nil || limit < 1 || limit > maxList {
		refuse(w, http.StatusBadRequest, "limit must lie in 1..100")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found, total := []Order{}, 0
	for _, o := range slices.Backward(s.orders) {
		if status := q.Get("status"); status != "" && o.Status != status {
			continue
		}
		if customer := q.Get("customer"); customer != "" && o.Customer != customer {
			continue
		}
		if total++; total <= limit {
			found = append(found, o)
		}
	}
	answer(w, http.StatusOK, map[string]any{"items": found, "total": total})
}

func (s *Shop) placeOrder(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Customer string `json:"customer"`
		Lines    []Line `json:"lines"`
	}
	d := json.NewDecoder(io.LimitReader(r.Body, maxBodyBytes))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		refuse(w, http.StatusBadRequest, "the order cannot be read")
		return
	}
	if in.Customer == "" || len(in.Lines) == 0 {
		refuse(w, http.StatusUnprocessableEntity, "an order needs a customer and at least one line")
		return
	}
	for _, l := range in.Lines {
		if _, ok := s.product(l.Product); !ok || l.Quantity < 1 || l.Quantity > 100 {
			refuse(w, http.StatusUnprocessableEntity, "a line needs a product that there is, and a quantity in 1..100")
			return
		}
	}
	s.mu.Lock()
	o := s.add(Order{Customer: in.Customer, Lines: in.Lines, Status: "placed", Placed: s.now().UTC().Truncate(time.Second)})
	s.mu.Unlock()
	w.Header().Set("Location", "/orders/"+o.ID)
	answer(w, http.StatusCreated, o)
}

func (s *Shop) readOrder(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.order(r.PathValue("order"))
	if i < 0 {
		refuse(w, http.StatusNotFound, "there is no such order")
		return
	}
	answer(w, http.StatusOK, s.orders[i])
}

func (s *Shop) cancelOrder(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.order(r.PathValue("order"))
	switch {
	case i < 0:
		refuse(w, http.StatusNotFound, "there is no such order")
	case s.orders[i].Status == "shipped" || s.orders[i].Status == "delivered":
		refuse(w, http.StatusConflict, "the order has been shipped")
	default:
		s.orders[i].Status = "cancelled"
		answer(w, http.StatusOK, s.orders[i])
	}
}

func (s *Shop) readRevenue(w http.ResponseWriter, _ *http.Request) {
	type day struct {
		Day    string `json:"day"`
		Orders int    `json:"orders"`
		Cents  int    `json:"cents"`
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	days := []day{}
	for _, o := range s.orders {
		if o.Status == "cancelled" {
			continue
		}
		at := o.Placed.Format(time.DateOnly)
		if len(days) == 0 || days[len(days)-1].Day != at {
			days = append(days, day{Day: at})
		}
		days[len(days)-1].Orders++
		days[len(days)-1].Cents += o.Cents
	}
	answer(w, http.StatusOK, map[string]any{"days": days})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a caller that is gone needs no answer
}

func refuse(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"title": http.StatusText(status), "status": status, "detail": detail})
}
